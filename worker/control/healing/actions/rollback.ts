import { PlatformError } from "../../../../sdk/contract/errors.ts";
import type { Deps } from "../../../deps.ts";
import { rollBack } from "../../upgrades/actions/roll-back.ts";
import { breakersOf, versionsBefore } from "./facts.ts";
import type { Applied, RemedyRequest } from "./remedy.ts";

/**
 * Moves an install back to its last good version.
 *
 * @throws {PlatformError} STATE_CONFLICT where none is kept, or an upgrade runs; SCAN_REFUSED, CONFIG_INCOMPATIBLE
 */
export async function rollback(deps: Deps, { actor, install, reason }: RemedyRequest): Promise<Applied> {
  const { pluginId, version } = install;
  const { good } = await versionsBefore(deps, install, await breakersOf(deps, install));
  if (good === undefined) {
    throw new PlatformError("STATE_CONFLICT", `"${pluginId}" has no earlier good version to go back to.`);
  }
  await rollBack(deps, actor, pluginId, { version: good, reason });
  return {
    done: `It runs version ${good} instead of ${version}.`,
    undo: () => rollBack(deps, actor, pluginId, { version, reason: "Going back did not help." }),
  };
}
