import * as v from "valibot";
import { PLUGIN_ID_PATTERN, ULID_PATTERN } from "../../../sdk/contract/identifiers.ts";
import { FINDING_SEVERITIES, FINDING_STATES, REMEDY_ACTIONS, type FindingRow } from "./finding-record.ts";
import { AUDIT_RULE_NAMES } from "./rules.ts";
import type { AuditRun } from "./run-record.ts";

const ulid = (what: string) => v.pipe(v.string(), v.regex(ULID_PATTERN, `must be the id of ${what}`));
const time = v.pipe(v.number(), v.integer(), v.description("Milliseconds since the epoch"));
const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const scopes = ["active-only", "all"] as const;
const severities = v.object({ critical: count, high: count, medium: count, low: count, info: count });

export const AuditParams = v.object({ audit: ulid("an audit") });
export const FindingParams = v.object({ finding: ulid("a finding") });

export const AuditAllBody = v.strictObject({
  scope: v.exactOptional(
    v.pipe(
      v.picklist(scopes, `must be one of ${scopes.join(", ")}`),
      v.description("Absent: as the platform's settings say"),
    ),
  ),
});

const REASON_LENGTH = 500;
export const ReasonBody = v.strictObject({
  reason: v.pipe(
    v.string("must be a text"),
    v.trim(),
    v.minLength(1, "must say why"),
    v.maxLength(REASON_LENGTH, `must be at most ${REASON_LENGTH} characters`),
  ),
});

export const FindingFilter = v.object({
  state: v.optional(v.picklist(FINDING_STATES, `must be one of ${FINDING_STATES.join(", ")}`)),
  severity: v.optional(v.picklist(FINDING_SEVERITIES, `must be one of ${FINDING_SEVERITIES.join(", ")}`)),
  rule: v.optional(v.picklist(AUDIT_RULE_NAMES, "must be a rule of docs/audits.md")),
  plugin: v.optional(v.pipe(v.string(), v.regex(PLUGIN_ID_PATTERN, "must be a plugin id"))),
  audit: v.optional(v.pipe(ulid("an audit"), v.description("What this audit was the last to find"))),
});

export const RunAnswer = v.object({
  id: v.string(),
  trigger: v.picklist(["cron", "manual"]),
  scope: v.picklist(["install", ...scopes]),
  pluginId: v.pipe(v.nullable(v.string()), v.description("Where it is of one install")),
  requestedBy: v.string(),
  installs: v.object({
    total: count,
    done: count,
    failed: v.pipe(count, v.description("Of those done: could not be audited, or not wholly")),
  }),
  findings: v.pipe(severities, v.description("Found by this audit, whether known before or not")),
  startedAt: time,
  finishedAt: v.pipe(v.nullable(time), v.description("Null: it is under way")),
  statusUrl: v.string(),
});

export const FindingAnswer = v.object({
  id: v.string(),
  installId: v.pipe(v.nullable(v.string()), v.description("Null: it concerns the tenant")),
  pluginId: v.nullable(v.string()),
  rule: v.string(),
  key: v.pipe(v.string(), v.description("Tells findings of one rule and install apart")),
  severity: v.picklist(FINDING_SEVERITIES),
  evidence: v.record(v.string(), v.unknown()),
  remedy: v.object({ action: v.picklist(REMEDY_ACTIONS), text: v.string() }),
  state: v.picklist(FINDING_STATES),
  stateBy: v.pipe(v.nullable(v.string()), v.description("Whose decision it is; null: an audit's")),
  stateReason: v.nullable(v.string()),
  stateSince: time,
  firstSeenAt: time,
  lastSeenAt: time,
  count: v.pipe(count, v.description("Audits that found it")),
  auditId: v.pipe(v.string(), v.description("The last of them")),
  recordingId: v.pipe(v.nullable(v.string()), v.description("Execution whose recording shows it")),
  history: v.array(
    v.object({ state: v.picklist(FINDING_STATES), at: time, by: v.string(), reason: v.exactOptional(v.string()) }),
  ),
});

export const StatusAnswer = v.object({
  openFindings: severities,
  lastAudit: v.nullable(RunAnswer),
  nextAuditAt: v.pipe(v.nullable(time), v.description("Null: within a minute, or continuous audits are off")),
  continuous: v.boolean(),
  intervalMinutes: count,
  scope: v.picklist(scopes),
});

export function showRun(run: AuditRun): v.InferInput<typeof RunAnswer> {
  const { id, trigger, scope, pluginId, requestedBy, total, done, failed, startedAt, finishedAt } = run;
  const { critical, high, medium, low, info } = run;
  return {
    id,
    trigger,
    scope,
    pluginId: pluginId === "" ? null : pluginId,
    requestedBy,
    installs: { total, done, failed },
    findings: { critical, high, medium, low, info },
    startedAt,
    finishedAt,
    statusUrl: `/api/v1/plugins/self-debug/audits/${id}`,
  };
}

export function showFinding(row: FindingRow): v.InferInput<typeof FindingAnswer> {
  const { tenantId: _own, dedupKey: key, remedy: action, remedyText: text, evidence, history, ...rest } = row;
  return {
    ...rest,
    installId: row.installId === "" ? null : row.installId,
    pluginId: row.pluginId === "" ? null : row.pluginId,
    key,
    evidence: { ...evidence },
    remedy: { action, text },
    history: [...history],
  };
}
