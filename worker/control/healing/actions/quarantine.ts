import type { Deps } from "../../../deps.ts";
import { moveInstall } from "../../installs/actions/move.ts";
import { aroundChange } from "../../lifecycle/actions.ts";
import type { Applied, RemedyRequest } from "./remedy.ts";

/** Takes an install out of use. What it was stays as evidence; only a person releases it. */
export async function quarantine(deps: Deps, { actor, install, reason, traceId }: RemedyRequest): Promise<Applied> {
  const { pluginId } = install;
  const caller = { tenantId: actor.tenantId, subject: actor.subject, traceId };
  await aroundChange(deps, caller, pluginId, () => moveInstall(deps, actor, pluginId, "quarantine", { reason }));
  return { done: "It takes no calls any more; a person has to release it.", proved: true };
}
