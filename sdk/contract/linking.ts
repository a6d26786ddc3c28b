import { HOST_MODULE, LEGACY_MODULE, USER_MODULE, WASI_MODULE } from "./extism-abi.ts";
import { METERING_IMPORTS } from "./metering-abi.ts";

/** Packages of several modules: names, and what the upload and the sandbox agree on. */

/** The name under which other modules import from a package's main module. */
export const MAIN_MODULE = "main";

/** Without `#`, which separates module and function in the names of a relay. */
export const MODULE_NAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9_.:/-]{0,63}$/;

const RESERVED_MODULES: ReadonlySet<string> = new Set([
  HOST_MODULE,
  USER_MODULE,
  LEGACY_MODULE,
  WASI_MODULE,
  METERING_IMPORTS.module,
  MAIN_MODULE,
]);
const RESERVED_PREFIXES = ["extism:", "wasi", "__patchbay", "patchbay:"] as const;

/** @returns true for a name that no linked module may have: it is the host's, the main module's, or may become the host's */
export function isReservedModuleName(name: string): boolean {
  return RESERVED_MODULES.has(name) || RESERVED_PREFIXES.some((prefix) => name.startsWith(prefix));
}

/**
 * The relay is a module made at upload for imports that cannot be linked directly, because modules import from each
 * other in a circle. It exports a table, and one function for each target, which calls what is in the slot of the
 * table with the function's position among the exported functions. The host fills the table once all modules exist.
 */
export const RELAY_TABLE = "table";

export interface LinkTarget {
  readonly module: string;
  readonly name: string;
}

/** Name of a relay's export. */
export function relayName({ module, name }: LinkTarget): string {
  return `${module}#${name}`;
}

export function parseRelayName(text: string): LinkTarget {
  const at = text.indexOf("#");
  return { module: text.slice(0, at), name: text.slice(at + 1) };
}
