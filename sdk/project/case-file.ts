import { readFile } from "node:fs/promises";
import * as v from "valibot";
import { UserError } from "./user-error.ts";

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

/** One call and what it has to come to, as in a plugin's `cases.json`. */
export type PluginCase = v.InferOutput<typeof Case>;

/** @throws {UserError} with the place of each problem */
export async function readCases(file: string): Promise<PluginCase[]> {
  const result = v.safeParse(v.pipe(v.string(), v.parseJson(), v.array(Case)), await readFile(file, "utf8"));
  if (result.success) return result.output;
  const issues = result.issues.map(
    (issue) => `/${issue.path?.map(({ key }) => String(key)).join("/") ?? ""}: ${issue.message}`,
  );
  throw new UserError(`${file} is not a list of cases.`, issues.join("\n"));
}
