import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { promisify } from "node:util";

export const execute = promisify(execFile);

/** Where a plugin's source is, where its module goes, and with what. */
export interface Job {
  readonly root: string;
  /** Folder of the plugin. */
  readonly folder: string;
  /** The module to write. */
  readonly target: string;
  /** For files of the build that may be kept. */
  readonly scratch: string;
  readonly compiler: { readonly command: string; readonly version: string; readonly target: string };
}

export function digestOf(parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(String(part.length)).update("\0").update(part);
  return hash.digest("hex").slice(0, 16);
}
