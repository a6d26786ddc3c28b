import { ENVIRONMENTS } from "../../../../sdk/contract/config/environments.ts";
import { isSameJson, type JsonObject } from "../../../../sdk/contract/config/json-values.ts";
import { compareVersions, parseVersion } from "../../../../sdk/contract/version.ts";
import type { Actor } from "../../../lib/actor.ts";
import type { InstallDeps } from "../../installs/actions/change.ts";
import type { Install } from "../../installs/schema.ts";
import { documentIssues, keepSecrets, type OpenDocument } from "../document-rules.ts";
import { migrateDocument, type MigratedDocument } from "../migration-rules.ts";
import { configIncompatible, configInvalid } from "../refusal-rules.ts";
import { findRevisionOf } from "../store.ts";
import { planRevision, requireFitting, type ConfigPlan } from "./plan.ts";
import { openDocument, readVersionConfig, type VersionConfig } from "./present.ts";

/** What installing a version, and moving an install to another one, mean for its configuration. */

/**
 * The configuration of a new install.
 *
 * @param install  the install as it will be, with the revision of an earlier one if there was one
 * @param given    what the request configures; absent: nothing
 * @returns undefined where there is nothing to write
 * @throws {PlatformError} CONFIG_INVALID where what is given does not fit, or nothing is given and the install would run
 */
export async function planFirstConfig(
  deps: InstallDeps,
  actor: Actor,
  install: Install,
  given: JsonObject | undefined,
): Promise<ConfigPlan | undefined> {
  const version = await readVersionConfig(deps, install.versionId);
  const sent = keepSecrets(given ?? {}, {}, version.secrets);
  if ("issues" in sent) throw configInvalid(version.manifest, sent.issues);
  const document = { default: sent.config };
  if (given !== undefined || install.state === "active") requireFitting(version, document);
  if (given === undefined && version.schema === undefined && install.configRevision === 0) return undefined;
  const known = { document: { values: {}, secrets: {} }, opened: {} };
  return planRevision(deps, actor, install, { document, environment: "default", change: "installed", version, known });
}

/** @throws {PlatformError} CONFIG_INVALID where the install could not run with the configuration it has */
export async function requireConfigured(deps: InstallDeps, install: Install): Promise<void> {
  const version = await readVersionConfig(deps, install.versionId);
  if (version.schema !== undefined) requireFitting(version, await openDocument(deps, install));
}

/**
 * The configuration of an install after an update: migrated where the version is another one, and replaced where the
 * request gives one.
 *
 * @param moved  the install as it will be
 * @param given  what holds everywhere from now on; absent: what was set before
 * @returns undefined where nothing changes
 * @throws {PlatformError} CONFIG_INCOMPATIBLE naming the places that do not fit the version, CONFIG_INVALID where those
 *   that are given do not
 */
export async function planConfigUpdate(
  deps: InstallDeps,
  actor: Actor,
  install: Install,
  moved: Pick<Install, "version" | "versionId">,
  given: JsonObject | undefined,
): Promise<ConfigPlan | undefined> {
  const isMove = moved.versionId !== install.versionId;
  if (!isMove && given === undefined) return undefined;
  const [version, opened] = await Promise.all([readVersionConfig(deps, moved.versionId), openDocument(deps, install)]);
  const known = { document: install.configuration, opened };
  const migrated = (document: OpenDocument): MigratedDocument =>
    isMove ? migrate(install, version, document) : { document };
  if (given === undefined) {
    const chosen = await chooseDocument(deps, install, version, migrated(opened));
    if (version.schema === undefined && install.configRevision === 0) return undefined;
    return planRevision(deps, actor, install, { ...chosen, environment: "all", change: "migrated", version, known });
  }
  const document = withGiven(version, opened, migrated, given);
  requireFitting(version, document);
  if (!isMove && isSameJson(document, opened)) return undefined;
  return planRevision(deps, actor, install, { document, environment: "default", change: "set", version, known });
}

function migrate(install: Install, version: VersionConfig, opened: OpenDocument): MigratedDocument {
  const { secrets } = install.configuration;
  return migrateDocument(opened, {
    from: install.version,
    migrations: version.manifest.configMigrations ?? [],
    secretsBefore: Object.fromEntries(
      ENVIRONMENTS.map((environment) => [environment, Object.keys(secrets[environment] ?? {})]),
    ),
    secretsAfter: version.secrets,
  });
}

/** What is given takes the place of what held everywhere, so only the other environments need to be migrated. */
function withGiven(
  version: VersionConfig,
  { default: base = {}, ...others }: OpenDocument,
  migrated: (document: OpenDocument) => MigratedDocument,
  given: JsonObject,
): OpenDocument {
  const [own, rest] = [migrated({ default: base }), migrated(others)];
  if ("issues" in rest) throw configInvalid(version.manifest, rest.issues);
  const known = "issues" in own ? {} : (own.document.default ?? {});
  const sent = keepSecrets(given, known, version.secrets);
  if ("issues" in sent) throw configInvalid(version.manifest, sent.issues);
  return { ...rest.document, default: sent.config };
}

interface ChosenDocument {
  readonly document: OpenDocument;
  readonly reason: string;
}

/** What was migrated, if it fits; on the way back to an older version else what was last set for that version. */
async function chooseDocument(
  deps: InstallDeps,
  install: Install,
  version: VersionConfig,
  migrated: MigratedDocument,
): Promise<ChosenDocument> {
  const { version: target } = version.manifest;
  const issues = "issues" in migrated ? migrated.issues : documentIssues(version.schema, migrated.document);
  if (!("issues" in migrated) && issues.length === 0) {
    return { document: migrated.document, reason: `moved from version ${install.version} to ${target}` };
  }
  if (isOlder(target, install.version)) {
    const scope = { tenantId: install.tenantId, installId: install.id };
    const earlier = await findRevisionOf(deps.db, scope, target);
    const document = earlier && (await openDocument(deps, { ...install, configuration: earlier.document }));
    if (document && documentIssues(version.schema, document).length === 0) {
      return {
        document,
        reason: `back to version ${target}, and to revision ${earlier.revision}, which was set for it`,
      };
    }
  }
  throw configIncompatible(install.pluginId, install.version, target, issues);
}

function isOlder(version: string, than: string): boolean {
  const [left, right] = [parseVersion(version), parseVersion(than)];
  return left !== undefined && right !== undefined && compareVersions(left, right) < 0;
}
