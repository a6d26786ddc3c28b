import * as v from "valibot";
import { PLUGIN_ID_PATTERN, ULID_PATTERN } from "../../../sdk/contract/identifiers.ts";
import { TOPIC_LENGTH, TOPIC_PATTERN } from "../../../sdk/contract/topics.ts";
import type { Delivery } from "../../execution/bus/rules.ts";

/** A message that was given up for one subscriber, as the database holds it. */
export interface DeadLetter {
  readonly id: string;
  readonly tenantId: string;
  readonly delivery: Delivery;
  readonly messageId: string;
  readonly topic: string;
  readonly installId: string;
  readonly pluginId: string;
  readonly functionName: string;
  readonly errorCode: string;
  readonly errorDetail: string;
  readonly attempts: number;
  readonly publishedAt: number;
  readonly createdAt: number;
}

export type DeadLetterSummary = Omit<DeadLetter, "tenantId" | "delivery">;

export const DeadLetterParams = v.object({
  id: v.pipe(v.string(), v.regex(ULID_PATTERN, "must be the id of a dead letter")),
});

export const DeadLetterFilter = v.object({
  topic: v.optional(v.pipe(v.string(), v.maxLength(TOPIC_LENGTH), v.regex(TOPIC_PATTERN, "must be a topic"))),
  plugin: v.optional(v.pipe(v.string(), v.regex(PLUGIN_ID_PATTERN, "must be a plugin id"))),
});

const time = v.pipe(v.number(), v.integer(), v.description("Milliseconds since the epoch"));

export const DeadLetterSummaryAnswer = v.object({
  id: v.string(),
  messageId: v.string(),
  topic: v.string(),
  installId: v.string(),
  pluginId: v.string(),
  functionName: v.string(),
  errorCode: v.pipe(v.string(), v.description("How the last attempt ended")),
  errorDetail: v.string(),
  attempts: v.pipe(v.number(), v.integer()),
  publishedAt: time,
  createdAt: time,
});

export const DeadLetterAnswer = v.object({
  ...DeadLetterSummaryAnswer.entries,
  data: v.pipe(v.unknown(), v.description("What was published")),
  source: v.object({ kind: v.picklist(["subject", "plugin"]), id: v.string() }),
  traceId: v.string(),
});

/** The dead letter with its content. */
export function describeDeadLetter(letter: DeadLetter): v.InferInput<typeof DeadLetterAnswer> {
  const { tenantId: _own, delivery, ...summary } = letter;
  const { data, source, traceId } = delivery;
  return { ...summary, data, source, traceId };
}
