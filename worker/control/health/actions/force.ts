import { forceBreaker, resetBreaker } from "../../../../durable-objects/plugin-health/client.ts";
import { PlatformError } from "../../../../sdk/contract/errors.ts";
import { commit } from "../../../db/client.ts";
import type { Deps } from "../../../deps.ts";
import { eventsOfMove } from "../../../execution/breaker/move-rules.ts";
import type { Actor } from "../../../lib/actor.ts";
import { auditRow } from "../../audit-log/rules.ts";
import { recordAudit } from "../../audit-log/store.ts";
import { newEvent } from "../../events/rules.ts";
import { recordEvent } from "../../events/store.ts";
import type { Install } from "../../installs/schema.ts";
import { breakerAnswer, versionOf } from "../answer-rules.ts";
import type { BreakerAnswer, BreakerOrder } from "../schema.ts";
import { askHealth, requireKnown, type HealthDeps } from "./read.ts";

export type ForceDeps = HealthDeps & Pick<Deps, "newId">;

/**
 * Orders whether calls of an install are refused, whatever its breaker would decide; or takes the order back.
 *
 * @throws {PlatformError} INSTALL_NOT_FOUND; HEALTH_UNAVAILABLE, after which the order may be given again
 */
export async function forceInstall(
  deps: ForceDeps,
  actor: Actor,
  pluginId: string,
  { state, reason }: BreakerOrder,
): Promise<BreakerAnswer> {
  const { tenantId, subject } = actor;
  const install = await requireKnown(deps, tenantId, pluginId);
  const before = await askHealth(deps, install.id);
  const order = state === "automatic" ? null : { state, reason, by: subject };
  const after = await forceBreaker(deps.env.PLUGIN_HEALTH, install.id, order).catch((cause: unknown) => {
    throw new PlatformError("HEALTH_UNAVAILABLE", "The install's health object did not take the order.", { cause });
  });
  const now = deps.clock.now();
  const data = { installId: install.id, state, reason };
  const event = newEvent({
    id: deps.newId(),
    tenantId,
    pluginId,
    type: "breaker.forced",
    data,
    subject,
    createdAt: now,
  });
  const change = {
    action: "breaker.force",
    resourceId: pluginId,
    before: { state: before.forced?.state ?? "automatic" },
    after: { state, reason },
  } as const;
  await commit(
    deps.db,
    recordEvent(deps.db, event),
    recordAudit(deps.db, [auditRow(actor, change, deps.newId(), now)]),
  );
  return breakerAnswer(versionOf(after, install.version, now), null);
}

/** Closes the breaker of an install's version after a repair that was verified, and tells the log. */
export async function closeAfterRepair(
  deps: Pick<Deps, "newId" | "outcomes"> & { readonly env: Pick<Env, "PLUGIN_HEALTH"> },
  { id: installId, tenantId, pluginId, version }: Pick<Install, "id" | "tenantId" | "pluginId" | "version">,
): Promise<void> {
  const { verdict, moves } = await resetBreaker(deps.env.PLUGIN_HEALTH, installId, version);
  const place = { installId, pluginId, version };
  for (const move of moves) {
    for (const event of eventsOfMove(move, verdict, place, deps.newId)) deps.outcomes.tell({ ...event, tenantId });
  }
}
