import { PlatformError } from "../../../../sdk/contract/errors.ts";
import type { Install } from "../schema.ts";
import { standInIssues, type Declared } from "../stand-in-rules.ts";
import { listHookNames, listStandIns } from "../store.ts";
import type { InstallDeps } from "./change.ts";

/** @throws {PlatformError} REQUEST_INVALID where a hook is none of the version's, or what is to stand in is not there or goes round */
export async function requireStandIns(deps: InstallDeps, install: Install, declared: Declared): Promise<void> {
  if (!declared.hooks && !declared.fallback) return;
  const [names, others] = await Promise.all([
    listHookNames(deps.db, install.versionId),
    listStandIns(deps.db, install.tenantId),
  ]);
  const issues = standInIssues(install.pluginId, declared, names, others);
  if (issues.length > 0)
    throw new PlatformError("REQUEST_INVALID", "What the install declares is not valid.", { issues });
}
