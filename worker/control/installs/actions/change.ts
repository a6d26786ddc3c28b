import { PlatformError } from "../../../../sdk/contract/errors.ts";
import { PLANS, type PlanSpec } from "../../../../sdk/contract/plans.ts";
import type { Deps } from "../../../deps.ts";
import type { Actor } from "../../../lib/actor.ts";
import { auditRow, type AuditedChange } from "../../audit-log/rules.ts";
import { recordAudit } from "../../audit-log/store.ts";
import { compileSnapshot, type CompileDeps } from "../../compile.ts";
import type { EventData, NewEvent } from "../../events/store.ts";
import { installNotFound } from "../request-rules.ts";
import { PLUGIN_MOVES, type PluginMove } from "../rules.ts";
import type { Install } from "../schema.ts";
import { getAllowance, getInstall, type Events, type Further } from "../store.ts";

/**
 * What every change of an install shares. A change is one batch (row, events, revision) guarded by the row as it was
 * read, so that of two requests that race one wins and the other decides anew on what the first left.
 */
export interface InstallDeps extends CompileDeps, Pick<Deps, "newId" | "randomBytes"> {
  readonly env: CompileDeps["env"] & Pick<Env, "CONFIG_KEYS">;
}

/** Decisions on a row that others change meanwhile, before giving up. */
const TRIES = 5;

/**
 * Decides and writes, again as long as somebody else was faster, then lets execution see the result. The compilation
 * also makes up for an earlier request that committed the same change and died before it could compile.
 *
 * @param decide  reads, decides and writes; false says that nothing was written because the row had changed
 * @returns the install as it is afterwards
 * @throws {PlatformError} STATE_CONFLICT where others were faster every time, and whatever `decide` throws
 */
export async function change(
  deps: InstallDeps,
  actor: Actor,
  pluginId: string,
  decide: () => Promise<boolean>,
): Promise<Install> {
  let done = false;
  for (let attempt = 0; attempt < TRIES && !done; attempt++) done = await decide();
  if (!done) {
    throw new PlatformError(
      "STATE_CONFLICT",
      `The install of "${pluginId}" was changed by others ${TRIES} times meanwhile; read it and try again.`,
    );
  }
  await compileSnapshot(deps, actor.tenantId);
  const install = await getInstall(deps.db, actor.tenantId, pluginId);
  if (!install) throw installNotFound(pluginId);
  return install;
}

/** @throws {PlatformError} INSTALL_NOT_FOUND, also for a removed install */
export async function requireInstall(deps: InstallDeps, actor: Actor, pluginId: string): Promise<Install> {
  const install = await getInstall(deps.db, actor.tenantId, pluginId);
  if (!install || install.state === "uninstalled") throw installNotFound(pluginId);
  return install;
}

/** The tenant's plan, and how many installs it has. */
export async function requirePlan(
  deps: InstallDeps,
  tenantId: string,
): Promise<{ readonly plan: PlanSpec; readonly installs: number }> {
  const allowance = await getAllowance(deps.db, tenantId);
  if (!allowance) throw new PlatformError("TENANT_NOT_FOUND", `There is no tenant "${tenantId}".`);
  return { plan: PLANS[allowance.plan], installs: allowance.installs };
}

/** The row of the audit log, for the batch of a change. */
export function audited(deps: InstallDeps, actor: Actor, audit: AuditedChange): Further {
  const row = auditRow(actor, audit, deps.newId(), deps.clock.now());
  return (happened) => [recordAudit(deps.db, [row], happened)];
}

/** Several parts of one batch. */
export function together(...parts: readonly (Further | undefined)[]): Further {
  return (happened) => parts.flatMap((part) => part?.(happened) ?? []);
}

/** One event per move, with ids in the order of the moves: ids drawn within one millisecond are not ordered. */
export function eventsOf(
  deps: InstallDeps,
  actor: Actor,
  install: Pick<Install, "id" | "pluginId" | "version">,
  moves: readonly [PluginMove, ...PluginMove[]],
  data: EventData,
): Events {
  const ids = moves.map(() => deps.newId()).sort();
  const createdAt = deps.clock.now();
  const event = (move: PluginMove): NewEvent => ({
    id: ids.shift() ?? deps.newId(),
    tenantId: actor.tenantId,
    pluginId: install.pluginId,
    type: PLUGIN_MOVES[move].event,
    data: { installId: install.id, version: install.version, ...data },
    subject: actor.subject,
    createdAt,
  });
  const [first, ...rest] = moves;
  return [event(first), ...rest.map(event)];
}
