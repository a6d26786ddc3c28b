import { sql, type SQL } from "drizzle-orm";
import type { Settings } from "../../../../sdk/contract/settings.ts";
import { commit, type Statement } from "../../../db/client.ts";
import type { Deps } from "../../../deps.ts";
import { newEvent, SYSTEM_SUBJECT, type NewEvent } from "../../events/rules.ts";
import { recordEventsWhere } from "../../events/store.ts";
import { readSettings } from "../../settings/store.ts";
import { fixFindings, isKnownAs, listFindingsOf, listOfRemoved, upsertFindings } from "../finding-store.ts";
import type { FindingRow } from "../finding-record.ts";
import { emergencies, reconcile, type AuditOutcome } from "../outcome-rules.ts";
import { countBySeverity, isTold } from "../rules.ts";
import type { AuditBell, AuditChunk, AuditRun } from "../run-record.ts";
import { finishChunk, finishRun, getChunk, getRun, isUndone } from "../store.ts";
import { gatherFacts, gatherTenant, type GatherDeps } from "./gather.ts";

export type AuditDeps = GatherDeps & Pick<Deps, "newId" | "recordings">;

/**
 * Audits the installs of one chunk and writes what was found with the chunk's end in one batch: a message that comes again finds
 * the chunk done, and one that is cut off has written nothing.
 */
export async function runChunk(deps: AuditDeps, bell: AuditBell): Promise<void> {
  const chunk = await getChunk(deps.db, bell);
  if (!chunk) return; // the run was deleted
  if (chunk.doneAt === null) {
    const settings = await readSettings(deps.db);
    const outcome = await auditInstalls(deps, chunk);
    await writeOutcome(deps, chunk, outcome, settings);
  }
  await endRun(deps, bell);
}

/** Counts the installs of a chunk that was given up as not audited, so that its run ends. */
export async function abandonChunk(deps: Pick<AuditDeps, "db" | "clock" | "newId">, bell: AuditBell): Promise<void> {
  const chunk = await getChunk(deps.db, bell);
  if (!chunk) return;
  const counts = countBySeverity([]);
  await commit(
    deps.db,
    ...finishChunk(deps.db, chunk, { at: deps.clock.now(), failed: chunk.installs.length, counts }),
  );
  await endRun(deps, bell);
}

interface ChunkOutcome extends AuditOutcome {
  /** Installs that could not be looked at wholly. */
  readonly failed: number;
}

async function auditInstalls(deps: AuditDeps, chunk: AuditChunk): Promise<ChunkOutcome> {
  const { tenantId, installs, withTenant } = chunk;
  const facts = [
    ...(await gatherFacts(deps, tenantId, installs)),
    ...(withTenant ? [await gatherTenant(deps, tenantId)] : []),
  ];
  const known = await listFindingsOf(
    deps.db,
    tenantId,
    facts.map(({ installId }) => installId),
  );
  const removed = withTenant ? await listOfRemoved(deps.db, tenantId) : [];
  const outcome = reconcile(facts, [...known, ...removed], {
    tenantId,
    auditId: chunk.auditId,
    at: deps.clock.now(),
    newId: deps.newId,
    removed: removed.map(({ id }) => id),
  });
  const failed = facts.filter(({ isWhole }) => !isWhole).length;
  return { ...outcome, found: await withRecordings(deps, outcome.found), failed };
}

/** An execution serves as evidence where it was recorded. */
async function withRecordings({ recordings }: AuditDeps, rows: readonly FindingRow[]): Promise<FindingRow[]> {
  return Promise.all(
    rows.map(async (row) => {
      const { tenantId, recordingId } = row;
      if (recordingId === null) return row;
      const evidence = { ...row.evidence, executionId: recordingId };
      const isThere = await recordings.find({ tenantId, executionId: recordingId });
      return { ...row, evidence, recordingId: isThere ? recordingId : null };
    }),
  );
}

async function writeOutcome(
  deps: AuditDeps,
  chunk: AuditChunk,
  outcome: ChunkOutcome,
  { audit }: Settings,
): Promise<void> {
  const { db, clock } = deps;
  const { found, opened, fixed, failed } = outcome;
  const at = clock.now();
  const undone = isUndone(chunk);
  const tell = (rows: readonly FindingRow[]) =>
    rows.filter(({ severity }) => isTold(severity, audit.notificationLevel));
  const events = (rows: readonly FindingRow[], type: "finding.opened" | "finding.fixed", states: SQL): Statement[] => {
    const told = tell(rows).map((row) => findingEvent(deps, row, type, chunk.auditId, at));
    return told.length > 0 ? [recordEventsWhere(db, told, sql`${undone} AND ${states}`)] : [];
  };
  const alarms = emergencies(found, opened, audit.criticalThreshold).map(({ installId, pluginId, critical }) =>
    newEvent({
      ...sharedOf(deps, chunk.tenantId, pluginId, at),
      type: "audit.emergency",
      data: { auditId: chunk.auditId, installId, critical },
    }),
  );
  const fixedIds = fixed.map(({ id }) => id);
  const statements = [
    ...events(opened, "finding.opened", sql`NOT ${isKnownAs(chunk.tenantId, ["open", "acknowledged"])}`),
    ...(found.length > 0 ? [upsertFindings(db, found, undone)] : []),
    ...events(fixed, "finding.fixed", isKnownAs(chunk.tenantId, ["open", "acknowledged"])),
    ...(fixed.length > 0 ? [fixFindings(db, chunk.tenantId, fixedIds, at, SYSTEM_SUBJECT, undone)] : []),
    ...(alarms.length > 0 ? [recordEventsWhere(db, alarms, undone)] : []),
  ];
  const end = finishChunk(db, chunk, { at, failed, counts: countBySeverity(found) });
  await db.batch([...statements, ...end] as unknown as [Statement, ...Statement[]]); // never empty: it ends with the two of the chunk
}

function sharedOf(deps: Pick<Deps, "newId">, tenantId: string, pluginId: string, createdAt: number) {
  const id = deps.newId();
  return { id, tenantId, pluginId: pluginId === "" ? null : pluginId, subject: SYSTEM_SUBJECT, createdAt };
}

function findingEvent(
  deps: AuditDeps,
  row: FindingRow,
  type: "finding.opened" | "finding.fixed",
  auditId: string,
  at: number,
): NewEvent {
  const { id: findingId, tenantId, installId, pluginId, rule, dedupKey: key, severity, remedy } = row;
  const data = { findingId, installId, rule, key, severity, remedy, auditId };
  return newEvent({ ...sharedOf(deps, tenantId, pluginId, at), type, data });
}

/** Ends the run whose last chunk this was; of several who try one does. */
export async function endRun(
  deps: Pick<AuditDeps, "db" | "clock" | "newId">,
  { tenantId, auditId }: Pick<AuditBell, "tenantId" | "auditId">,
): Promise<AuditRun | undefined> {
  const run = await getRun(deps.db, tenantId, auditId);
  if (!run || run.finishedAt !== null || run.done < run.total) return run;
  const { trigger, scope, total, failed, critical, high, medium, low, info } = run;
  const event = newEvent({
    ...sharedOf(deps, tenantId, run.pluginId, deps.clock.now()),
    type: "audit.finished",
    data: { auditId, trigger, scope, installs: total, failed, critical, high, medium, low, info },
  });
  await finishRun(deps.db, run, event);
  return run;
}
