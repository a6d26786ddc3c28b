import { PlatformError } from "../../../sdk/contract/errors.ts";
import type { Deps } from "../../deps.ts";
import { isToldEvent, type Outcome } from "../../execution/outcome-reporter.ts";
import type { ExecutionRecord } from "../../execution/settle.ts";
import type { Actor } from "../../lib/actor.ts";
import { requirePlugin } from "../plugins/actions.ts";
import type { Upgrade } from "../upgrades/upgrade-record.ts";
import { recordToldEvents } from "../events/actions/told.ts";
import { auditRowsOfRefusals } from "./refusal-rules.ts";
import { eventsOfExecutions } from "./event-rules.ts";
import type { ExecutionFilter } from "./schema.ts";
import { getExecution, insertExecutions, listExecutions, selectNewExecutions } from "./store.ts";

export type ExecutionDeps = Pick<Deps, "db">;
export type RecordDeps = Pick<Deps, "db" | "newId" | "clock">;

/** Records in one statement: a bound value holds 2 MB at most, a record well under 4 KB. */
const RECORDS_PER_STATEMENT = 500;

/** Times that somebody else stored some of the same records first, before giving up. */
const TRIES = 5;

/** A record as answers show it: the tenant is the caller's own. */
export type ShownExecution = Omit<ExecutionRecord, "tenantId" | "recorded">;

/**
 * Stores records from the queue and tells of them in the log, each once: what is stored already is left out, so a queue
 * may deliver twice and in other batches.
 *
 * @returns running upgrades whose calls were among them, with their counts as they are now
 * @throws {PlatformError} STATE_CONFLICT where others stored some of the records meanwhile, every time
 */
export async function recordExecutions(
  deps: RecordDeps,
  records: readonly ExecutionRecord[],
): Promise<readonly Upgrade[]> {
  const distinct = records.filter(({ id }, index) => records.findIndex((other) => other.id === id) === index);
  const counted = new Map<string, Upgrade>();
  for (let start = 0; start < distinct.length; start += RECORDS_PER_STATEMENT) {
    const upgrades = await recordTogether(deps, distinct.slice(start, start + RECORDS_PER_STATEMENT));
    for (const upgrade of upgrades) counted.set(upgrade.id, upgrade);
  }
  return [...counted.values()];
}

/** Stores what the queue carries, each once. */
export async function storeOutcomes(deps: RecordDeps, outcomes: readonly Outcome[]): Promise<readonly Upgrade[]> {
  const counted = await recordExecutions(
    deps,
    outcomes.filter((outcome): outcome is ExecutionRecord => !isToldEvent(outcome)),
  );
  await recordToldEvents(deps, outcomes.filter(isToldEvent));
  return counted;
}

async function recordTogether(deps: RecordDeps, records: readonly ExecutionRecord[]): Promise<readonly Upgrade[]> {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const fresh = await selectNewExecutions(deps.db, records);
    const now = deps.clock.now();
    const events = eventsOfExecutions(fresh, deps.newId, now);
    const audit = auditRowsOfRefusals(fresh, deps.newId, now);
    const counted = await insertExecutions(deps.db, fresh, events, audit);
    if (counted) return counted;
  }
  throw new PlatformError("STATE_CONFLICT", `Others stored some of the records meanwhile, ${TRIES} times.`);
}

/**
 * Newest first, one more than `limit` where there are more.
 *
 * @throws {PlatformError} PLUGIN_NOT_FOUND; REQUEST_INVALID where the period is empty
 */
export async function listPluginExecutions(
  deps: ExecutionDeps,
  actor: Actor,
  pluginId: string,
  filter: ExecutionFilter,
  page: { readonly limit: number; readonly before?: string | undefined },
): Promise<ShownExecution[]> {
  requirePeriod(filter);
  await requirePlugin(deps, actor, pluginId);
  const scope = { tenantId: actor.tenantId, pluginId };
  const records = await listExecutions(deps.db, scope, filter, { ...page, limit: page.limit + 1 });
  return records.map(show);
}

/** @throws {PlatformError} EXECUTION_NOT_FOUND, the same for records of other tenants */
export async function readExecution(deps: ExecutionDeps, actor: Actor, executionId: string): Promise<ShownExecution> {
  const record = await getExecution(deps.db, actor.tenantId, executionId);
  if (!record) throw new PlatformError("EXECUTION_NOT_FOUND", `There is no execution "${executionId}".`);
  return show(record);
}

function requirePeriod({ from, to }: ExecutionFilter): void {
  if (from === undefined || to === undefined || from < to) return;
  throw new PlatformError("REQUEST_INVALID", 'The query parameter "from": must be earlier than "to".', {
    issues: [{ path: "from", message: `must be earlier than "to"; found ${from} and ${to}` }],
  });
}

function show({ tenantId: _own, recorded: _chosen, ...shown }: ExecutionRecord): ShownExecution {
  return shown;
}
