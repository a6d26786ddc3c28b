import * as v from "valibot";
import { CAPABILITY_NAMES } from "../../../sdk/contract/capabilities.ts";
import type { Grants } from "../../../sdk/contract/grants.ts";
import { entriesOf } from "./rules.ts";
import { showGrant, ShownGrant } from "./schema.ts";

/** Days for which sums of use are kept. */
export const USAGE_RETENTION_DAYS = 90;
const USUAL_DAYS = 30;

const DAYS_RULE = `must be a whole number from 1 to ${USAGE_RETENTION_DAYS}`;

export const PeriodQuery = v.object({
  days: v.pipe(
    v.optional(v.string(), String(USUAL_DAYS)),
    v.regex(/^\d{1,3}$/, DAYS_RULE),
    v.transform(Number),
    v.minValue(1, DAYS_RULE),
    v.maxValue(USAGE_RETENTION_DAYS, DAYS_RULE),
    v.metadata({
      jsonSchema: {
        type: "integer",
        minimum: 1,
        maximum: USAGE_RETENTION_DAYS,
        default: USUAL_DAYS,
        description: "Days of the period (UTC), today included",
      },
    }),
  ),
});

const time = v.pipe(v.number(), v.integer(), v.description("Milliseconds since the epoch"));
const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const period = v.object({ from: time, to: time, days: count });
const capability = v.picklist(CAPABILITY_NAMES);
const amounts = {
  executions: v.pipe(count, v.description("Executions that used it")),
  calls: v.pipe(count, v.description("Calls of the capability, refused ones included")),
  refused: v.pipe(count, v.description("Calls refused for want of a grant or a quota")),
  bytes: v.pipe(count, v.description("Sent and received")),
};
const lastUsedAt = v.nullable(time);

const ScopeUse = v.object({
  name: v.pipe(v.string(), v.description("Host, topic or service")),
  executions: amounts.executions,
  lastUsedAt,
});

export const GrantReportAnswer = v.object({
  pluginId: v.string(),
  version: v.string(),
  period,
  capabilities: v.array(
    v.object({
      capability,
      verdict: v.pipe(
        v.picklist(["used", "partly-used", "unused", "missed", "not-granted"]),
        v.description(
          "`partly-used`: some of what the grant names was not touched; `unused`: granted in vain; `missed`: not granted, and calls were refused",
        ),
      ),
      granted: v.nullable(ShownGrant),
      ...amounts,
      lastUsedAt,
      scopes: v.pipe(
        v.array(ScopeUse),
        v.description("What the grant names with its use; what was touched where it names nothing"),
      ),
      missed: v.pipe(v.array(ScopeUse), v.description("Asked for, and not within the grant")),
    }),
  ),
  suggestion: v.pipe(
    v.nullable(v.object({ grants: v.record(v.string(), ShownGrant) })),
    v.description(
      "The least grants that would have served the same calls, as a body for PUT /:id/permissions; null where nothing was used to judge by",
    ),
  ),
});

export const UsageAnswer = v.object({
  pluginId: v.string(),
  period,
  capabilities: v.array(
    v.object({
      capability,
      granted: v.boolean(),
      ...amounts,
      peakCalls: v.pipe(count, v.description("Most calls in one execution")),
      peakBytes: v.pipe(count, v.description("Most bytes in one execution")),
      lastUsedAt,
      refusals: v.pipe(
        v.record(v.string(), count),
        v.description("Refused calls by their error, also those that the plugin went on after"),
      ),
      quotas: v.array(
        v.object({
          quota: v.string(),
          title: v.string(),
          unit: v.string(),
          per: v.pipe(
            v.picklist(["call", "install"]),
            v.description("Counted for each call of a plugin, or held by the install"),
          ),
          limit: count,
          peak: v.pipe(
            v.nullable(count),
            v.description("Most that one execution took or found held; null where none told it"),
          ),
        }),
      ),
      daily: v.array(
        v.object({ day: v.pipe(time, v.description("Midnight UTC")), ...amounts, peakCalls: count, peakBytes: count }),
      ),
    }),
  ),
});

export type GrantReportAnswer = v.InferInput<typeof GrantReportAnswer>;
export type UsageAnswer = v.InferInput<typeof UsageAnswer>;

/** Grants as the body of a request. */
export function showGrants(grants: Grants): Record<string, v.InferInput<typeof ShownGrant>> {
  return Object.fromEntries(entriesOf(grants).map(([name, grant]) => [name, showGrant(grant)]));
}
