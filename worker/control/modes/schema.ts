import * as v from "valibot";
import { MODE_NAMES } from "../../../sdk/contract/modes.ts";

const REASON_LENGTH = 500;
const time = v.pipe(v.number(), v.integer(), v.description("Milliseconds since the epoch"));
/** Nobody brings a recovery about: the stores do. */
const CHOICES = ["normal", "fallback", "emergency"] as const;

export const ModeBody = v.strictObject({
  mode: v.picklist(CHOICES, `must be one of ${CHOICES.join(", ")}`),
  reason: v.pipe(
    v.string(),
    v.trim(),
    v.minLength(1, "must not be empty"),
    v.maxLength(REASON_LENGTH, `must be at most ${REASON_LENGTH} characters`),
  ),
});
export type ModeBody = v.InferOutput<typeof ModeBody>;

export const ModeAnswer = v.object({
  mode: v.picklist(MODE_NAMES),
  since: v.pipe(time, v.description("When it was entered; 0: it never was another")),
  reason: v.string(),
  cause: v.picklist(["start", "failures", "probes", "operator", "environment"]),
  lost: v.pipe(v.array(v.string()), v.description("Stores that did not answer last")),
  threshold: v.pipe(v.number(), v.description("Failures within a minute that make the platform fall back")),
  autoRecovery: v.boolean(),
});

export const EnvironmentAnswer = v.object({
  digest: v.string(),
  worker: v.pipe(v.nullable(v.string()), v.description("Version of the worker; null where the runtime does not say")),
  environment: v.string(),
  schema: v.object({ expected: v.string(), applied: v.nullable(v.string()) }),
  bindings: v.array(v.string()),
  keys: v.pipe(
    v.record(v.string(), v.object({ current: v.string(), ids: v.array(v.string()) })),
    v.description("Ids of the keys in each ring, never the keys"),
  ),
  findings: v.array(v.object({ probe: v.string(), danger: v.boolean(), detail: v.string() })),
});

export const StatusAnswer = v.object({
  ...ModeAnswer.entries,
  region: v.pipe(v.nullable(v.string()), v.description("Where this was answered")),
  environment: v.pipe(v.nullable(EnvironmentAnswer), v.description("Null while the database cannot be asked")),
  unrecorded: v.pipe(v.number(), v.description("Changes of mode that wait to be recorded")),
});

export const ProbesAnswer = v.object({
  mode: v.picklist(MODE_NAMES),
  status: v.picklist(["ok", "degraded", "down"]),
  probes: v.array(
    v.object({
      name: v.string(),
      status: v.picklist(["ok", "degraded", "down"]),
      critical: v.boolean(),
      durationMs: v.number(),
      budgetMs: v.number(),
      detail: v.optional(v.string()),
    }),
  ),
});
