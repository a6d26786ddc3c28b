import * as v from "valibot";
import { FUNCTION_NAME_PATTERN } from "../../../sdk/contract/identifiers.ts";
import type { ProfileNode } from "./tree-report.ts";

const format = v.optional(
  v.pipe(
    v.picklist(["json", "speedscope"], "must be json or speedscope"),
    v.description(
      "`speedscope`: a file that https://www.speedscope.app opens. Absent: as the Accept header says, else JSON",
    ),
  ),
);

export const ProfileQuery = v.object({
  format,
  function: v.optional(v.pipe(v.string(), v.regex(FUNCTION_NAME_PATTERN, "must be the name of an exported function"))),
});

export const RecordedProfileQuery = v.object({ format });

const units = (description: string) => v.pipe(v.number(), v.description(description));

const frame = {
  name: v.pipe(
    v.string(),
    v.description("From the name section, else the export, else `func[12]`; `[kernel] alloc`, `[host] http_request`"),
  ),
  index: v.nullable(v.pipe(v.number(), v.description("Of the function in its module as uploaded"))),
  module: v.optional(v.pipe(v.string(), v.description("In a package of several modules; absent for the main one"))),
  file: v.optional(v.pipe(v.string(), v.description("By the source map in the package"))),
  line: v.optional(v.number()),
  self: units("Fuel of its own"),
  total: units("Fuel with everything it called"),
  calls: v.number(),
};

const ProfileTree: v.GenericSchema<ProfileNode> = v.object({
  ...frame,
  children: v.array(v.lazy(() => ProfileTree)),
}) as v.GenericSchema<ProfileNode>; // optional members may be absent, never undefined: the answer is made of JSON

const failure = v.nullable(v.object({ code: v.string(), detail: v.string() }));

export const ProfileAnswer = v.object({
  executionId: v.string(),
  pluginId: v.string(),
  version: v.string(),
  functionName: v.string(),
  failure: v.pipe(
    failure,
    v.description("How the call failed; null where it did not. A failed call has a profile too"),
  ),
  output: v.nullable(
    v.object({
      digest: v.pipe(v.string(), v.description("SHA-256 of the output, hexadecimal")),
      byteLength: v.number(),
    }),
  ),
  durationMs: v.pipe(v.number(), v.description("Of the profiled call, which is slower than a plain one")),
  fuel: units("Fuel in the profile: what the call used, up to the trap where it trapped"),
  charged: units("Fuel by the books of the call: `fuel`, or the whole budget where the plugin trapped"),
  truncated: v.pipe(
    v.boolean(),
    v.description(
      "True: paths are left out of the tree, in frames named `[other calls]`; `self` of functions is complete",
    ),
  ),
  modules: v.array(
    v.object({
      name: v.pipe(v.string(), v.description("`main`, or the name that others import from")),
      profiled: v.pipe(v.string(), v.description("SHA-256 of the module as rewritten for profiling")),
      sourceMap: v.pipe(v.nullable(v.string()), v.description("Path of its source map in the package")),
    }),
  ),
  functions: v.pipe(v.array(v.object(frame)), v.description("Functions called, by fuel of their own; at most 5,000")),
  tree: v.pipe(ProfileTree, v.description("Call paths; the root is the call as a whole")),
});

export type ProfileAnswer = v.InferInput<typeof ProfileAnswer>;
