import { isDeepStrictEqual } from "node:util";
import { createHost, type HostOptions } from "../testing/host.ts";
import type { PluginCase } from "./case-file.ts";

export interface CaseResult {
  readonly name: string;
  readonly passed: boolean;
  readonly fuel: number;
  /** What was found in place of what was expected. */
  readonly found?: unknown;
  readonly expected?: unknown;
}

/** Runs each case on a host of its own, so that none depends on another. */
export async function runCases(cases: readonly PluginCase[], options: HostOptions): Promise<CaseResult[]> {
  const results: CaseResult[] = [];
  for (const given of cases) results.push(await runCase(given, options));
  return results;
}

async function runCase(given: PluginCase, options: HostOptions): Promise<CaseResult> {
  const host = await createHost({ ...options, ...(given.config ? { config: given.config } : {}) });
  const call = await host.call(given.function, given.input);
  const { fuel, failure: error } = call;
  return caseResult(given, error ? { error, fuel } : { text: call.text(), fuel });
}

/** How a call ended. */
export type CaseEnding = { readonly fuel: number } & (
  { readonly text: string } | { readonly error: { readonly code: string; readonly detail: string } }
);

/** Holds how a call ended against what its case expects. */
export function caseResult(given: PluginCase, ending: CaseEnding): CaseResult {
  const { name } = given;
  const error = "error" in ending ? ending.error : undefined;
  const found =
    "error" in ending ? { error: ending.error.code, detail: ending.error.detail } : outputOf(ending.text, given.output);
  const expected = given.error === undefined ? given.output : { error: given.error };
  const passed = error
    ? error.code === given.error
    : given.error === undefined && isDeepStrictEqual(found, given.output);
  return { name, passed, fuel: ending.fuel, ...(passed ? {} : { found, expected }) };
}

/** Text where text is expected, nothing where there is none. */
function outputOf(text: string, expected: unknown): unknown {
  if (typeof expected === "string" || text === "") return text === "" && expected === undefined ? undefined : text;
  try {
    return JSON.parse(text);
  } catch {
    return text; // not JSON: shown as it is
  }
}
