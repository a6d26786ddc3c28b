import { SYSTEM_SUBJECT } from "../events/rules.ts";
import type { Facts } from "./facts-record.ts";
import type { Finding, FindingRow } from "./finding-record.ts";
import { judge, keyOf, wasJudged } from "./rules.ts";

/** What an audit changes in the findings of its installs. */
export interface AuditOutcome {
  /** Everything that was found, known or not. */
  readonly found: readonly FindingRow[];
  /** Of it, what was not known or was fixed. */
  readonly opened: readonly FindingRow[];
  /** What was known and looked for, and is there no more. */
  readonly fixed: readonly FindingRow[];
}

interface Audited {
  readonly installId: string;
  readonly pluginId: string;
  readonly facts: Facts;
}

interface AuditContext {
  readonly tenantId: string;
  readonly auditId: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly newId: () => string;
  /** Ids of findings whose install is gone. */
  readonly removed: readonly string[];
}

/**
 * Judges the facts and holds the findings against those that are known.
 *
 * @param known  findings of the installs in any state, and those of installs that are gone
 */
export function reconcile(
  audited: readonly Audited[],
  known: readonly FindingRow[],
  context: AuditContext,
): AuditOutcome {
  const found: FindingRow[] = [];
  const opened: FindingRow[] = [];
  const gone = new Set(context.removed);
  const fixed: FindingRow[] = known.filter(({ id }) => gone.has(id));
  for (const { installId, pluginId, facts } of audited) {
    const own = known.filter((row) => row.installId === installId && !gone.has(row.id));
    const judgement = judge(facts);
    const byKey = new Map(own.map((row) => [keyOf(row.rule, row.dedupKey), row]));
    const keys = new Set<string>();
    for (const finding of judgement.findings) {
      const key = keyOf(finding.rule, finding.key);
      if (keys.has(key)) continue;
      keys.add(key);
      const before = byKey.get(key);
      const row = rowOf(finding, { installId, pluginId, id: before?.id ?? context.newId() }, context);
      found.push(row);
      if (!before || before.state === "fixed") opened.push(row);
    }
    const missing = own.filter((row) => row.state !== "fixed" && !keys.has(keyOf(row.rule, row.dedupKey)));
    fixed.push(...missing.filter((row) => wasJudged(judgement, row.rule, row.dedupKey)));
  }
  return { found, opened, fixed };
}

function rowOf(
  { rule, key, severity, evidence, remedy, recordingId }: Finding,
  place: Pick<FindingRow, "id" | "installId" | "pluginId">,
  { tenantId, auditId, at }: AuditContext,
): FindingRow {
  return {
    ...place,
    tenantId,
    rule,
    dedupKey: key,
    severity,
    evidence,
    remedy: remedy.action,
    remedyText: remedy.text,
    state: "open",
    stateBy: null,
    stateReason: null,
    firstSeenAt: at,
    lastSeenAt: at,
    stateSince: at,
    count: 1,
    auditId,
    recordingId: recordingId ?? null,
    history: [{ state: "open", at, by: SYSTEM_SUBJECT }],
  };
}

/** Installs with at least as many critical findings as the threshold, where one of them is new. */
export function emergencies(
  found: readonly FindingRow[],
  opened: readonly FindingRow[],
  threshold: number,
): { readonly installId: string; readonly pluginId: string; readonly critical: number }[] {
  const critical = Map.groupBy(
    found.filter(({ severity }) => severity === "critical"),
    ({ installId }) => installId,
  );
  return [...critical].flatMap(([installId, rows]) => {
    const isNew = opened.some((row) => row.installId === installId && row.severity === "critical");
    return isNew && rows.length >= threshold
      ? [{ installId, pluginId: rows[0]?.pluginId ?? "", critical: rows.length }]
      : [];
  });
}
