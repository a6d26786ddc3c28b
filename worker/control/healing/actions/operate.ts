import { PlatformError } from "../../../../sdk/contract/errors.ts";
import type { Deps } from "../../../deps.ts";
import type { Actor } from "../../../lib/actor.ts";
import { requireInstall } from "../../installs/actions/change.ts";
import type { Install } from "../../installs/schema.ts";
import { isAlreadyDone } from "../../installs/rules.ts";
import type { HealingEvent, Remedy } from "../healing-record.ts";
import { applyRemedy } from "./heal.ts";

interface Order {
  readonly remedy: Remedy;
  readonly reason: string;
  readonly traceId: string;
  /** True: what keeps it from being done is thrown, once it is recorded. */
  readonly rethrows?: boolean;
}

/** What operators do by hand. Their choice stays, whether it helped or not; the event says so. */

/**
 * @throws {PlatformError} INSTALL_NOT_FOUND; STATE_CONFLICT where the install is being healed already, or is quarantined
 */
export async function operate(
  deps: Deps,
  actor: Actor,
  pluginId: string,
  { remedy, reason, traceId, rethrows = false }: Order,
): Promise<HealingEvent> {
  const install = await requireInstall(deps, actor, pluginId);
  requireHealable(install);
  const event = await applyRemedy(deps, install, {
    actor,
    traceId,
    remedy,
    cause: "operator",
    reason,
    undoes: false,
    rethrows,
  });
  if (event) return event;
  throw beingHealed(pluginId);
}

/**
 * Puts an install into safe mode, or takes it out; what holds already changes nothing.
 *
 * @returns the install afterwards
 * @throws {PlatformError} as {@link operate} does, and what keeps the mode from changing
 */
export async function setSafeMode(
  deps: Deps,
  actor: Actor,
  pluginId: string,
  input: { readonly enabled: boolean; readonly reason: string; readonly traceId: string },
): Promise<Install> {
  const { enabled, reason, traceId } = input;
  const install = await requireInstall(deps, actor, pluginId);
  if ((install.safeMode !== null) === enabled) return install;
  const remedy = enabled ? "safe-mode" : "leave-safe-mode";
  await operate(deps, actor, pluginId, { remedy, reason, traceId, rethrows: true });
  return requireInstall(deps, actor, pluginId);
}

function requireHealable({ pluginId, state }: Install): void {
  if (!isAlreadyDone(state, "quarantine")) return;
  throw new PlatformError("STATE_CONFLICT", `Plugin "${pluginId}" is quarantined; release it first.`, {
    members: { state },
  });
}

export function beingHealed(pluginId: string): PlatformError {
  return new PlatformError("STATE_CONFLICT", `Plugin "${pluginId}" is being healed at the moment; try again shortly.`);
}
