import { USER_MODULE } from "../contract/extism-abi.ts";
import { LOCAL_FUNCTIONS, STREAM_FUNCTIONS, USER_FUNCTIONS } from "../contract/user-functions.ts";
import type { PluginCase } from "./case-file.ts";
import { caseResult, type CaseResult } from "./run-cases.ts";
import { UserError } from "./user-error.ts";

/** Ran on Extism's own host, or not, and why not. */
export type ExtismCaseResult = Omit<CaseResult, "fuel"> & { readonly skipped?: string };

/** What the platform has and Extism has not. */
const PLATFORM_ONLY = "only the platform has";

/**
 * Runs cases on Extism's own host for JavaScript (https://github.com/extism/js-sdk). A case that needs what only the platform has is not
 * judged: its first call of such a function says so.
 *
 * @param module  the plugin as it is uploaded
 * @throws {UserError} where that host is not installed
 */
export async function runCasesOnExtism(module: Uint8Array, cases: readonly PluginCase[]): Promise<ExtismCaseResult[]> {
  const { createPlugin } = await import("@extism/extism").catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw error; // what import rejects with
    throw new UserError(
      "Extism's host is not installed: `npm install --save-dev @extism/extism@2.0.0-rc13` installs it.",
    );
  });
  const results: ExtismCaseResult[] = [];
  for (const given of cases) {
    let missing: string | undefined;
    const plugin = await createPlugin(await WebAssembly.compile(Uint8Array.from(module)), {
      useWasi: true,
      config: configOf(given),
      functions: { [USER_MODULE]: platformFunctions((name) => (missing ??= name)) },
    });
    const ended = await plugin.call(given.function, inputOf(given.input)).then(
      (output) => ({ text: output?.text() ?? "" }),
      (error: unknown) => ({
        error: { code: "PLUGIN_ERROR", detail: error instanceof Error ? error.message : String(error) },
      }),
    );
    await plugin.close();
    results.push(
      missing === undefined
        ? judged(given, ended)
        : { name: given.name, passed: true, skipped: `${missing}, which ${PLATFORM_ONLY}` },
    );
  }
  return results;
}

type Ended = { readonly text: string } | { readonly error: { readonly code: string; readonly detail: string } };

/** Codes are the platform's: there, that it fails is enough. */
function judged(given: PluginCase, ended: Ended): ExtismCaseResult {
  if ("error" in ended && given.error !== undefined) return { name: given.name, passed: true };
  const { fuel: _none, ...result } = caseResult(given, { ...ended, fuel: 0 });
  return result;
}

function platformFunctions(called: (name: string) => void): Record<string, () => bigint> {
  const names = [...Object.keys(USER_FUNCTIONS), ...Object.keys(LOCAL_FUNCTIONS), ...Object.keys(STREAM_FUNCTIONS)];
  const entries = names.map((name) => {
    const refuse = (): bigint => {
      called(name);
      throw new Error(`${name} is what ${PLATFORM_ONLY}`);
    };
    return [name, refuse] as const;
  });
  return Object.fromEntries(entries);
}

function configOf({ config = {} }: PluginCase): Record<string, string> {
  const entries = Object.entries(config);
  return Object.fromEntries(
    entries.map(([name, value]) => [name, typeof value === "string" ? value : JSON.stringify(value)]),
  );
}

function inputOf(input: unknown): string {
  if (input === undefined) return "";
  return typeof input === "string" ? input : JSON.stringify(input);
}
