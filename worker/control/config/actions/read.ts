import type { InferInput } from "valibot";
import { ENVIRONMENTS, type Environment } from "../../../../sdk/contract/config/environments.ts";
import { withDefaults } from "../../../../sdk/contract/config/defaults.ts";
import type { Deps } from "../../../deps.ts";
import type { Actor } from "../../../lib/actor.ts";
import { installNotFound } from "../../installs/request-rules.ts";
import type { Install } from "../../installs/schema.ts";
import { getInstall } from "../../installs/store.ts";
import type { RevisionHead } from "../configuration-record.ts";
import type { ConfigAnswer, RevisionDetail, SchemaAnswer } from "../schema.ts";
import { revisionNotFound } from "../refusal-rules.ts";
import { environmentsSet, shownEffective, shownValues } from "../shown-rules.ts";
import { getRevision, listRevisions } from "../store.ts";
import { readVersionConfig } from "./present.ts";

type ReadDeps = Pick<Deps, "db">;

/** @throws {PlatformError} INSTALL_NOT_FOUND, also for a removed install */
export async function requireConfigurable(deps: ReadDeps, actor: Actor, pluginId: string): Promise<Install> {
  const install = await getInstall(deps.db, actor.tenantId, pluginId);
  if (!install || install.state === "uninstalled") throw installNotFound(pluginId);
  return install;
}

/** The configuration of an install as answers show it. */
export async function describeConfig(
  deps: ReadDeps,
  install: Install,
  environment: Environment,
): Promise<InferInput<typeof ConfigAnswer>> {
  const scope = { tenantId: install.tenantId, installId: install.id };
  const [{ schema }, revision] = await Promise.all([
    readVersionConfig(deps, install.versionId),
    install.configRevision === 0 ? undefined : getRevision(deps.db, scope, install.configRevision),
  ]);
  const document = install.configuration;
  return {
    pluginId: install.pluginId,
    environment,
    revision: install.configRevision,
    version: install.version,
    values: shownValues(document, environment),
    effective: shownEffective(schema, document, environment),
    environments: environmentsSet(document),
    updatedAt: revision?.createdAt ?? null,
    updatedBy: revision?.author ?? null,
  };
}

/** @throws {PlatformError} INSTALL_NOT_FOUND */
export async function readConfigSchema(
  deps: ReadDeps,
  actor: Actor,
  pluginId: string,
): Promise<InferInput<typeof SchemaAnswer>> {
  const install = await requireConfigurable(deps, actor, pluginId);
  const { schema, secrets } = await readVersionConfig(deps, install.versionId);
  return {
    version: install.version,
    schema: schema ? { ...schema } : null,
    secrets: [...secrets],
    defaults: withDefaults(schema, {}),
  };
}

/** Newest first, one more than `limit` where there are more. @throws {PlatformError} INSTALL_NOT_FOUND */
export async function readHistory(
  deps: ReadDeps,
  actor: Actor,
  pluginId: string,
  page: { readonly limit: number; readonly before?: number | undefined },
): Promise<RevisionHead[]> {
  const install = await requireConfigurable(deps, actor, pluginId);
  const scope = { tenantId: install.tenantId, installId: install.id };
  return listRevisions(deps.db, scope, { ...page, limit: page.limit + 1 });
}

/** @throws {PlatformError} INSTALL_NOT_FOUND, CONFIG_REVISION_NOT_FOUND */
export async function readRevision(
  deps: ReadDeps,
  actor: Actor,
  pluginId: string,
  number: number,
): Promise<InferInput<typeof RevisionDetail>> {
  const install = await requireConfigurable(deps, actor, pluginId);
  const revision = await getRevision(deps.db, { tenantId: install.tenantId, installId: install.id }, number);
  if (!revision) throw revisionNotFound(pluginId, number);
  const { document, changed, ...head } = revision;
  const set = ENVIRONMENTS.filter((environment) => environmentsSet(document).includes(environment));
  const values = Object.fromEntries(set.map((environment) => [environment, shownValues(document, environment)]));
  return { ...head, changed: [...changed], values };
}
