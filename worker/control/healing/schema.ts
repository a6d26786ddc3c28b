import * as v from "valibot";
import {
  CAUSES,
  HEALING_OUTCOMES,
  REASON_LENGTH,
  REMEDIES,
  type HealingEvent,
  type InstallFacts,
  type Remedy,
} from "./healing-record.ts";

const time = v.pipe(v.number(), v.integer(), v.description("Milliseconds since the epoch"));
const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const reasonRule = `must have 1 to ${REASON_LENGTH} characters`;
const Reason = v.pipe(
  v.string(reasonRule),
  v.minLength(1, reasonRule),
  v.maxLength(REASON_LENGTH, reasonRule),
  v.description("Why; kept with the event"),
);

export const ReasonBody = v.optional(v.strictObject({ reason: v.optional(Reason, "An operator asked for it.") }), {});
export const SafeModeBody = v.strictObject({
  enabled: v.boolean("must be true or false"),
  reason: v.optional(Reason, "An operator asked for it."),
});

export const HealBody = v.optional(
  v.strictObject({
    dryRun: v.optional(
      v.pipe(v.boolean("must be true or false"), v.description("True: say what would be done, and do nothing")),
      false,
    ),
  }),
  {},
);

const Facts = v.object({
  version: v.string(),
  state: v.string(),
  safeMode: v.boolean(),
  generation: count,
  breaker: v.pipe(v.nullable(v.string()), v.description("State of the circuit breaker; null: it could not be asked")),
  calls: v.pipe(count, v.description("Before: of the last minutes. After: since the remedy began")),
  failed: count,
  faults: v.pipe(v.record(v.string(), count), v.description("Failed calls by error code")),
  openFindings: count,
});

const Evidence = v.object({ replayed: count, succeeded: count });

export const HealingAnswer = v.object({
  id: v.string(),
  installId: v.string(),
  pluginId: v.string(),
  cause: v.picklist(CAUSES),
  code: v.pipe(v.nullable(v.string()), v.description("Error code or finding that it was about")),
  remedy: v.picklist(REMEDIES),
  reason: v.pipe(v.string(), v.description("Why it was chosen, and what was done")),
  before: Facts,
  after: v.nullable(Facts),
  verification: v.nullable(
    v.object({
      verdict: v.picklist(["helped", "not-helped", "unproven"]),
      failing: v.pipe(Evidence, v.description("Recorded calls that had failed and were run again")),
      good: v.pipe(Evidence, v.description("Recorded calls that had succeeded and were run again")),
      healthCheck: v.nullable(v.string()),
      explanation: v.string(),
    }),
  ),
  outcome: v.pipe(
    v.picklist(HEALING_OUTCOMES),
    v.description(
      "unproven: done, and nothing shows whether it helped. undone: it did not help and was taken back. failed: it could not be " +
        "done, or did not help and stays",
    ),
  ),
  subject: v.string(),
  startedAt: time,
  endedAt: v.nullable(time),
});

export const HealAnswer = v.object({
  choice: v.object({
    remedy: v.pipe(v.nullable(v.picklist(REMEDIES)), v.description("Null: nothing is to be done, or may be done now")),
    code: v.nullable(v.string()),
    why: v.string(),
  }),
  facts: Facts,
  healing: v.pipe(v.nullable(HealingAnswer), v.description("What was done, or with `dryRun` would be")),
});

export const HealingFilter = v.object({
  pluginId: v.optional(v.string()),
  remedy: v.optional(v.picklist(REMEDIES, `must be one of ${REMEDIES.join(", ")}`)),
  cause: v.optional(v.picklist(CAUSES, `must be one of ${CAUSES.join(", ")}`)),
  outcome: v.optional(v.picklist(HEALING_OUTCOMES, `must be one of ${HEALING_OUTCOMES.join(", ")}`)),
});

/** What the rules chose, and what came of it. */
export function describeHealingOf(
  choice: { readonly remedy: Remedy | undefined; readonly code: string | undefined; readonly why: string },
  facts: InstallFacts,
  event: HealingEvent | null,
): v.InferInput<typeof HealAnswer> {
  const { remedy = null, code = null, why } = choice;
  return { choice: { remedy, code, why }, facts: shownFacts(facts), healing: event && describeHealing(event) };
}

/** The event as answers show it: the tenant is the caller's own. */
export function describeHealing(event: HealingEvent): v.InferInput<typeof HealingAnswer> {
  const { tenantId: _own, before, after, ...shown } = event;
  return { ...shown, before: shownFacts(before), after: after && shownFacts(after) };
}

function shownFacts(facts: HealingEvent["before"]): v.InferInput<typeof Facts> {
  return { ...facts, faults: { ...facts.faults } };
}
