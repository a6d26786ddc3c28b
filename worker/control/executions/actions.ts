import { PlatformError } from "../../../sdk/contract/errors.ts";
import type { Deps } from "../../deps.ts";
import type { ExecutionRecord } from "../../execution/settle.ts";
import type { Actor } from "../../lib/actor.ts";
import { requirePlugin } from "../plugins/actions.ts";
import type { ExecutionFilter } from "./schema.ts";
import { getExecution, listExecutions } from "./store.ts";

export type ExecutionDeps = Pick<Deps, "db">;

/** A record as answers show it: the tenant is the caller's own. */
export type ShownExecution = Omit<ExecutionRecord, "tenantId">;

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

function show({ tenantId: _own, ...shown }: ExecutionRecord): ShownExecution {
  return shown;
}
