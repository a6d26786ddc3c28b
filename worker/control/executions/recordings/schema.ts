import * as v from "valibot";
import { ExecutionParams } from "../schema.ts";

export const RecordedPartParams = v.object({
  ...ExecutionParams.entries,
  digest: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, "must be a SHA-256 in hexadecimal")),
});
