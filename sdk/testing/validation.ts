import { readFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { MANIFEST_FILE, parseManifestText, type Manifest } from "../contract/manifest.ts";
import { payloadFailure, type Validation } from "../contract/payloads/validate-payload.ts";
import type { SandboxCall, SandboxFailure } from "../contract/sandbox.ts";
import type { HostOptions } from "./host.ts";
import type { CallResult } from "./production-program.ts";

/** What of a manifest says how calls are to be. */
export type Described = Pick<Manifest, "functions" | "types">;

/**
 * @returns undefined where nothing is to be checked
 * @throws {TypeError} where it is not known what to check against
 * @throws {PlatformError} MANIFEST_INVALID
 */
export async function readValidation({
  validate = "off",
  manifest,
  plugin,
}: HostOptions): Promise<Validation | undefined> {
  if (validate === "off") return undefined;
  const { functions = {}, types } = await readDescribed(manifest, plugin);
  return { mode: validate, functions, ...(types ? { types } : {}) };
}

async function readDescribed(manifest: HostOptions["manifest"], plugin: HostOptions["plugin"]): Promise<Described> {
  if (typeof manifest === "object" && !(manifest instanceof URL)) return manifest;
  if (manifest !== undefined) return parseManifestText(await readFile(manifest));
  if (plugin instanceof Uint8Array) {
    throw new TypeError("To validate calls of a module in memory, name its `manifest` too.");
  }
  const file = plugin instanceof URL ? fileURLToPath(plugin) : plugin;
  return parseManifestText(await readFile(path.join(path.dirname(file), MANIFEST_FILE)));
}

/** Makes a call, unless its input does not fit; with an output that does not it has failed. */
export async function checked<Result extends CallResult>(
  validation: Validation | undefined,
  { functionName, input }: SandboxCall,
  call: () => Promise<Result>,
): Promise<Result | CallResult> {
  if (!validation) return await call();
  const refused = payloadFailure(validation, functionName, "input", input);
  if (refused) return notMade(refused);
  const result = await call();
  if (result.outcome.failure) return result;
  const failure = payloadFailure(validation, functionName, "output", result.outcome.output);
  return failure ? { ...result, outcome: { ...result.outcome, output: undefined, failure } } : result;
}

function notMade(failure: SandboxFailure): CallResult {
  const usage = { fuel: 0, memoryBytes: 0, hostCalls: 0 };
  return { outcome: { output: undefined, failure, usage, logs: [], logsTruncated: false }, exchanges: [], metrics: [] };
}
