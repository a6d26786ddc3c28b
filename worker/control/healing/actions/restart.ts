import { healthOf } from "../../../../durable-objects/plugin-health/client.ts";
import { PlatformError } from "../../../../sdk/contract/errors.ts";
import type { Deps } from "../../../deps.ts";
import { UNGUARDED } from "../../../execution/breaker/breakers.ts";
import { newEvent } from "../../events/rules.ts";
import { audited, change, requireInstall } from "../../installs/actions/change.ts";
import { nextState } from "../../installs/rules.ts";
import { changeInstall } from "../../installs/store.ts";
import { runLifecycle } from "../../lifecycle/actions.ts";
import type { Applied, RemedyRequest } from "./remedy.ts";

/**
 * Gives an install new isolates and instances: its lifecycle is stopped, calls go on under the next generation, and it is
 * started again. Every location follows with the snapshot.
 *
 * @throws {PlatformError} ISOLATE_REPLACED_TOO_OFTEN; STATE_CONFLICT for what is quarantined
 */
export async function restart(deps: Deps, request: RemedyRequest): Promise<Applied> {
  const { actor, install, traceId } = request;
  nextState(install.state, "update");
  const caller = { tenantId: actor.tenantId, subject: actor.subject, traceId };
  const pluginIds = [install.pluginId];
  const unguarded = { ...deps, breakers: UNGUARDED }; // an open breaker must not keep it from stopping and starting
  await runLifecycle(unguarded, caller, "stop", { pluginIds });
  const generation = await renewIsolates(deps, request, "install.restart");
  const started = await runLifecycle(unguarded, caller, "start", { pluginIds });
  const failure = started.find(({ code }) => code !== undefined);
  const then = failure ? `; it did not start: ${failure.code}` : "";
  return { done: `It runs in isolates of generation ${generation}${then}.` };
}

/**
 * Moves an install to the next generation of isolates.
 *
 * @param action  as which the audit log has it
 * @throws {PlatformError} ISOLATE_REPLACED_TOO_OFTEN
 */
export async function renewIsolates(
  deps: Deps,
  { actor, install, reason }: RemedyRequest,
  action: "install.restart" | "install.repair",
): Promise<number> {
  const { pluginId } = install;
  const replacement = await healthOf(deps.env.PLUGIN_HEALTH, install.id).renewGeneration();
  if ("refusedUntil" in replacement) {
    throw new PlatformError(
      "ISOLATE_REPLACED_TOO_OFTEN",
      `The isolates of "${pluginId}" were replaced too often; the next replacement is possible at ${new Date(replacement.refusedUntil).toISOString()}.`,
    );
  }
  const { generation } = replacement;
  await change(deps, actor, pluginId, async () => {
    const known = await requireInstall(deps, actor, pluginId);
    const { version } = known;
    const event = newEvent({
      id: deps.newId(),
      tenantId: actor.tenantId,
      pluginId,
      type: "plugin.restarted",
      data: { installId: known.id, version, generation, reason },
      subject: actor.subject,
      createdAt: deps.clock.now(),
    });
    const further = audited(deps, actor, {
      action,
      resourceId: pluginId,
      before: { version, generation: known.generation },
      after: { version, generation },
    });
    return changeInstall(deps.db, known, { set: { generation }, events: [event], now: deps.clock.now(), further });
  });
  return generation;
}
