import type { Deps } from "../../../deps.ts";
import { PlatformError } from "../../../../sdk/contract/errors.ts";
import { logError } from "../../../lib/json-log.ts";
import type { Actor } from "../../../lib/actor.ts";
import { requireInstall } from "../../installs/actions/change.ts";
import type { Install } from "../../installs/schema.ts";
import { readSettings } from "../../settings/store.ts";
import type { HealingEvent, InstallFacts } from "../healing-record.ts";
import { causeOf, chooseRemedy, PLATFORM_LIMITS, type Choice, type HealingSettings } from "../rules.ts";
import { beginHealing } from "../store.ts";
import { gatherFacts } from "./facts.ts";
import { applyRemedy, openedEvent } from "./heal.ts";
import { beingHealed } from "./operate.ts";

export interface Healing {
  readonly choice: Choice;
  readonly facts: InstallFacts;
  /** Null where nothing was chosen. */
  readonly event: HealingEvent | null;
}

/**
 * Lets the rules choose for an install at once, whether or not the platform heals by itself. Limits for one install hold.
 *
 * @throws {PlatformError} INSTALL_NOT_FOUND; STATE_CONFLICT where the install is being healed already, or takes no calls
 */
export async function healPlugin(
  deps: Deps,
  actor: Actor,
  pluginId: string,
  { dryRun, traceId }: { readonly dryRun: boolean; readonly traceId: string },
): Promise<Healing> {
  const install = await requireInstall(deps, actor, pluginId);
  requireActive(install);
  const { facts, shown } = await gatherFacts(deps, install);
  const { audit } = await readSettings(deps.db);
  const choice = chooseRemedy(facts, audit, deps.clock.now());
  if (choice.remedy === undefined) return { choice, facts: shown, event: null };
  const { remedy, code, why: reason } = choice;
  const order = { actor, traceId, remedy, cause: causeOf(facts, code), code, reason, undoes: true };
  if (!dryRun) {
    const event = await applyRemedy(deps, install, order);
    if (!event) throw beingHealed(pluginId);
    return { choice, facts: shown, event };
  }
  const now = deps.clock.now();
  const event: HealingEvent = { ...openedEvent(deps, install, order, shown), outcome: "dry-run", endedAt: now };
  await beginHealing(deps.db, event);
  return { choice, facts: shown, event };
}

/**
 * Lets the rules choose for an install that nobody asked about.
 *
 * @returns undefined where nothing was to be done, or could be done now
 */
export async function healByItself(
  deps: Deps,
  install: Install,
  actor: Actor,
  settings: HealingSettings,
): Promise<HealingEvent | undefined> {
  const { facts } = await gatherFacts(deps, install);
  const choice = chooseRemedy(facts, settings, deps.clock.now());
  if (choice.remedy === undefined) return undefined;
  const { remedy, code, why: reason } = choice;
  const traceId = actor.traceId ?? "";
  const cause = causeOf(facts, code);
  const event = await applyRemedy(deps, install, {
    actor,
    traceId,
    remedy,
    cause,
    code,
    reason,
    undoes: true,
    limits: PLATFORM_LIMITS,
  });
  // Another healer is at work, or the platform has healed as much as it may for now.
  if (!event) logError("healing.held-back", { installId: install.id, remedy, code });
  return event;
}

function requireActive({ pluginId, state }: Install): void {
  if (state === "active") return;
  throw new PlatformError("STATE_CONFLICT", `Plugin "${pluginId}" is ${state}; only what takes calls can be healed.`, {
    members: { state },
  });
}
