import type { InferInput } from "valibot";
import { PlatformError } from "../../../../sdk/contract/errors.ts";
import { commit } from "../../../db/client.ts";
import type { Deps } from "../../../deps.ts";
import type { Actor } from "../../../lib/actor.ts";
import { auditRow } from "../../audit-log/rules.ts";
import { recordAudit } from "../../audit-log/store.ts";
import { newEvent } from "../../events/rules.ts";
import { eventRecorded, recordEventWhere } from "../../events/store.ts";
import { readSettings } from "../../settings/store.ts";
import type { FindingRow, FindingState } from "../finding-record.ts";
import { changeState, countOpen, getFinding, isInState } from "../finding-store.ts";
import type { AuditRun } from "../run-record.ts";
import { showRun, type StatusAnswer } from "../schema.ts";
import { findLastOfCron, getRun, listRuns } from "../store.ts";

type FindingDeps = Pick<Deps, "db" | "clock" | "newId">;

/** @throws {PlatformError} AUDIT_NOT_FOUND, the same for those of other tenants */
export async function readRun(deps: Pick<Deps, "db">, actor: Actor, id: string): Promise<AuditRun> {
  const run = await getRun(deps.db, actor.tenantId, id);
  if (!run) throw new PlatformError("AUDIT_NOT_FOUND", `There is no audit "${id}".`);
  return run;
}

/** @throws {PlatformError} FINDING_NOT_FOUND, the same for those of other tenants */
export async function readFinding(deps: Pick<Deps, "db">, actor: Actor, id: string): Promise<FindingRow> {
  const finding = await getFinding(deps.db, actor.tenantId, id);
  if (!finding) throw new PlatformError("FINDING_NOT_FOUND", `There is no finding "${id}".`);
  return finding;
}

/** What each decision leads to, and from where. */
const DECISIONS = {
  acknowledge: { from: ["open"], to: "acknowledged", action: "finding.acknowledge", event: "finding.acknowledged" },
  reopen: { from: ["acknowledged"], to: "open", action: "finding.reopen", event: "finding.reopened" },
} as const;

/**
 * Acknowledges an open finding, which then is not told of again, or opens an acknowledged one. Done again it changes nothing.
 *
 * @throws {PlatformError} FINDING_NOT_FOUND; STATE_CONFLICT where it is fixed
 */
export async function decideOnFinding(
  deps: FindingDeps,
  actor: Actor,
  id: string,
  decision: keyof typeof DECISIONS,
  reason: string,
): Promise<FindingRow> {
  const known = await readFinding(deps, actor, id);
  const { from, to, action, event: type } = DECISIONS[decision];
  if (known.state === to) return known;
  if (known.state === "fixed") {
    throw new PlatformError("STATE_CONFLICT", `The finding is fixed; an audit that finds it again opens it.`);
  }
  const at = deps.clock.now();
  const { tenantId, installId, pluginId, rule, dedupKey: key, severity, remedy } = known;
  const event = newEvent({
    id: deps.newId(),
    tenantId,
    pluginId: pluginId === "" ? null : pluginId,
    type,
    data: { findingId: id, installId, rule, key, severity, remedy, reason },
    subject: actor.subject,
    createdAt: at,
  });
  const change = { before: stateOf(known, known.state), after: { ...stateOf(known, to), reason } };
  const audit = auditRow(actor, { action, resourceId: id, ...change }, deps.newId(), at);
  const happened = eventRecorded(event.id);
  await commit(
    deps.db,
    recordEventWhere(deps.db, event, isInState(known, from)),
    changeState(deps.db, known, { state: to, at, by: actor.subject, reason }, happened),
    recordAudit(deps.db, [audit], happened),
  );
  return readFinding(deps, actor, id);
}

function stateOf({ rule, pluginId }: FindingRow, state: FindingState) {
  return { rule, pluginId, state };
}

/** How the tenant's installs are, by its findings, and when they are audited next. */
export async function readStatus(deps: Pick<Deps, "db">, actor: Actor): Promise<InferInput<typeof StatusAnswer>> {
  const [open, [last], lastOfCron, { audit }] = await Promise.all([
    countOpen(deps.db, actor.tenantId),
    listRuns(deps.db, actor.tenantId, { limit: 1 }),
    findLastOfCron(deps.db, actor.tenantId),
    readSettings(deps.db),
  ]);
  const { continuous, intervalMinutes, scope } = audit;
  return {
    openFindings: { critical: 0, high: 0, medium: 0, low: 0, info: 0, ...open },
    lastAudit: last ? showRun(last) : null,
    nextAuditAt: continuous && lastOfCron ? lastOfCron.startedAt + intervalMinutes * 60_000 : null,
    continuous,
    intervalMinutes,
    scope,
  };
}
