import { sql } from "drizzle-orm";
import type { Deps } from "../../../deps.ts";
import type { Actor } from "../../../lib/actor.ts";
import { errorText } from "../../../lib/error-text.ts";
import { logError } from "../../../lib/json-log.ts";
import { auditRow } from "../../audit-log/rules.ts";
import { newEvent, SYSTEM_SUBJECT } from "../../events/rules.ts";
import { requireInstall, type InstallDeps } from "../../installs/actions/change.ts";
import { readSettings } from "../../settings/store.ts";
import { chunksOf, dueBefore, newRun } from "../plan-rules.ts";
import type { AuditBell, AuditRun } from "../run-record.ts";
import {
  findRunning,
  getRun,
  hasRunSince,
  insertRun,
  listFinishable,
  listInstallsOf,
  listTenantsDue,
  takeOverdue,
} from "../store.ts";
import { endRun, runChunk, type AuditDeps } from "./run-chunk.ts";

export type StartDeps = Pick<Deps, "db" | "clock" | "newId"> & { readonly env: Pick<Env, "AUDITS"> };

/** Bells in one message batch. */
const BATCH = 100;
/** Tenants whose audits one run of the cron starts; the others are due a minute later. */
const TENANTS_PER_RUN = 100;
/** A chunk not done after this long has lost its bell, or its worker. Milliseconds. */
const OVERDUE_MS = 15 * 60_000;
const OVERDUE_PER_RUN = 200;

/** Audits all installs of the actor's tenant in a scope. One that is under way is not started twice. */
export async function auditAll(
  deps: StartDeps,
  actor: Actor,
  wanted: "active-only" | "all" | undefined,
): Promise<AuditRun> {
  const scope = wanted ?? (await readSettings(deps.db)).audit.scope;
  const running = await findRunning(deps.db, actor.tenantId, scope);
  if (running) return running;
  const installs = await listInstallsOf(deps.db, actor.tenantId, scope);
  const run = runOf(deps, actor, { scope, pluginId: "", total: installs.length });
  await insert(deps, run, installs, actor);
  await ringAll(deps, bellsOf(run, installs));
  return run;
}

/**
 * Audits one install before it answers.
 *
 * @throws {PlatformError} INSTALL_NOT_FOUND
 */
export async function auditOne(deps: AuditDeps & InstallDeps, actor: Actor, pluginId: string): Promise<AuditRun> {
  const install = await requireInstall(deps, actor, pluginId);
  const run = runOf(deps, actor, { scope: "install", pluginId, total: 1 });
  await insert(deps, run, [install.id], actor);
  await runChunk(deps, { tenantId: run.tenantId, auditId: run.id, number: 0 });
  return (await getRun(deps.db, run.tenantId, run.id)) ?? run;
}

function runOf(
  deps: Pick<Deps, "clock" | "newId">,
  actor: Pick<Actor, "tenantId" | "subject">,
  what: Pick<AuditRun, "scope" | "pluginId" | "total">,
): AuditRun {
  const { tenantId, subject: requestedBy } = actor;
  return newRun({ ...what, id: deps.newId(), tenantId, trigger: "manual", requestedBy, startedAt: deps.clock.now() });
}

/** @param actor  who asked for it, for the log; undefined: the cron, unless another has started one meanwhile */
function insert(
  deps: Pick<Deps, "db" | "newId">,
  run: AuditRun,
  installs: readonly string[],
  actor?: Actor,
  since = 0,
): Promise<boolean> {
  const { id: auditId, tenantId, trigger, scope, pluginId, requestedBy: subject, startedAt: createdAt } = run;
  const event = newEvent({
    id: deps.newId(),
    tenantId,
    pluginId: pluginId === "" ? null : pluginId,
    type: "audit.started",
    data: { auditId, trigger, scope, installs: run.total },
    subject,
    createdAt,
  });
  const after = { scope, pluginId, installs: run.total };
  const audited = { action: "audit.start", resourceId: auditId, after } as const;
  return insertRun(deps.db, run, chunksOf(run, installs), event, {
    when: actor ? sql`true` : sql`NOT ${hasRunSince(tenantId, since)}`,
    audit: actor ? [auditRow(actor, audited, deps.newId(), createdAt)] : [],
  });
}

function bellsOf(run: AuditRun, installs: readonly string[]): AuditBell[] {
  return chunksOf(run, installs).map(({ tenantId, auditId, number }) => ({ tenantId, auditId, number }));
}

/** A bell that cannot be rung is not lost: its chunk becomes overdue. */
async function ringAll(deps: Pick<StartDeps, "env">, bells: readonly AuditBell[]): Promise<void> {
  for (let start = 0; start < bells.length; start += BATCH) {
    const batch = bells.slice(start, start + BATCH).map((body) => ({ body }));
    await deps.env.AUDITS.sendBatch(batch).catch((error: unknown) =>
      logError("audits.not-rung", { bells: batch.length, error: errorText(error) }),
    );
  }
}

/**
 * Starts the audits that are due by the platform's settings, rings again for chunks that nobody did and ends runs that nobody ended.
 *
 * @returns how many audits were started
 */
export async function runDueAudits(deps: StartDeps): Promise<number> {
  const now = deps.clock.now();
  await ringAll(deps, await takeOverdue(deps.db, now - OVERDUE_MS, now, OVERDUE_PER_RUN));
  for (const { id, tenantId } of await listFinishable(deps.db, OVERDUE_PER_RUN)) {
    await endRun(deps, { tenantId, auditId: id });
  }
  const { audit } = await readSettings(deps.db);
  if (!audit.continuous) return 0;
  const since = dueBefore(now, audit.intervalMinutes);
  let started = 0;
  for (const tenantId of await listTenantsDue(deps.db, since, TENANTS_PER_RUN)) {
    if (await startDue(deps, tenantId, audit.scope, since)) started++;
  }
  return started;
}

async function startDue(
  deps: StartDeps,
  tenantId: string,
  scope: "active-only" | "all",
  since: number,
): Promise<boolean> {
  const installs = await listInstallsOf(deps.db, tenantId, scope);
  const actor = { tenantId, subject: SYSTEM_SUBJECT };
  const run: AuditRun = { ...runOf(deps, actor, { scope, pluginId: "", total: installs.length }), trigger: "cron" };
  if (!(await insert(deps, run, installs, undefined, since))) return false;
  await ringAll(deps, bellsOf(run, installs));
  return true;
}
