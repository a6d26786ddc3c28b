import * as v from "valibot";
import { PLUGIN_ID_PATTERN, ULID_PATTERN } from "../../../sdk/contract/identifiers.ts";
import { parseRange } from "../../../sdk/contract/version.ts";

const TEXT_LENGTH = 2_000;
const severity = v.picklist(["critical", "high", "medium", "low"], "must be one of critical, high, medium, low");

export const AdvisoryBody = v.strictObject({
  pluginId: v.pipe(v.string("must be a plugin id"), v.regex(PLUGIN_ID_PATTERN, "must be a plugin id")),
  range: v.pipe(
    v.string("must be a range of versions"),
    v.check((text) => parseRange(text) !== undefined, "must be a range of versions such as `<1.4.2`"),
    v.description("Versions that are concerned, such as `>=1.2.0 <1.4.2`"),
  ),
  severity,
  text: v.pipe(
    v.string("must be a text"),
    v.trim(),
    v.minLength(1, "must not be empty"),
    v.maxLength(TEXT_LENGTH, `must be at most ${TEXT_LENGTH} characters`),
  ),
});
export type AdvisoryBody = v.InferOutput<typeof AdvisoryBody>;

export const AdvisoryParams = v.object({
  id: v.pipe(v.string(), v.regex(ULID_PATTERN, "must be the id of an advisory")),
});

const time = v.pipe(v.number(), v.integer(), v.description("Milliseconds since the epoch"));

export const AdvisoryAnswer = v.object({
  id: v.string(),
  pluginId: v.string(),
  range: v.string(),
  severity,
  text: v.string(),
  recordedBy: v.string(),
  createdAt: time,
  withdrawnAt: v.nullable(time),
});
