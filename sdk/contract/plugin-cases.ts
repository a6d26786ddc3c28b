import * as v from "valibot";
import type { Issue } from "./errors.ts";
import { jsonPointer } from "./json-text.ts";
import { payloadIssues, type Validation } from "./payloads/validate-payload.ts";

/** Calls of a plugin and what they have to come to, `cases.json` of a project or package. */
export const CASES_FILE = "cases.json";

const Json = v.unknown();
const Case = v.strictObject({
  name: v.string(),
  function: v.string(),
  /** Text as it is, anything else as JSON. */
  input: v.optional(Json),
  /** Compared with the output: as JSON, or as text where it is text. */
  output: v.optional(Json),
  /** Code of the failure that is expected in place of an output. */
  error: v.optional(v.string()),
  config: v.optional(v.record(v.string(), Json)),
});

export type PluginCase = v.InferOutput<typeof Case>;

/** @returns the cases, or every problem with its JSON pointer */
export function parseCases(value: unknown): { readonly cases: PluginCase[] } | { readonly issues: Issue[] } {
  const result = v.safeParse(v.array(Case), value);
  if (result.success) return { cases: result.output };
  const issues = result.issues.map(({ path = [], message }) => ({
    path: jsonPointer(path.map(({ key }) => key)),
    message,
  }));
  return { issues };
}

/** Inputs and outputs of cases that do not fit what the manifest says. An input that is meant to fail may be anything. */
export function caseIssues(cases: readonly PluginCase[], described: Omit<Validation, "mode">): Issue[] {
  const validation: Validation = { ...described, mode: "both" };
  return cases.flatMap(({ function: name, input, output, error }, index) => {
    const at = (member: string, issues: readonly Issue[]): Issue[] =>
      issues.map(({ path, message }) => ({ path: `/${index}/${member}${path}`, message }));
    if (error !== undefined) return [];
    return [
      ...at("input", payloadIssues(validation, name, "input", payloadOf(input))),
      ...(output === undefined ? [] : at("output", payloadIssues(validation, name, "output", payloadOf(output)))),
    ];
  });
}

/** As a call carries it: text and bytes as they are, anything else as JSON, nothing as nothing. */
export function payloadOf(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (value === undefined) return new Uint8Array();
  return new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));
}
