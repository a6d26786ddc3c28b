import type { Environment } from "../../../../sdk/contract/config/environments.ts";
import { isSameJson, mergePatch, type JsonObject } from "../../../../sdk/contract/config/json-values.ts";
import { PlatformError, type Issue } from "../../../../sdk/contract/errors.ts";
import type { Actor } from "../../../lib/actor.ts";
import { audited, change, requireInstall, together, type InstallDeps } from "../../installs/actions/change.ts";
import { nextState } from "../../installs/rules.ts";
import type { Install } from "../../installs/schema.ts";
import { changeInstall } from "../../installs/store.ts";
import { requireNoUpgrade } from "../../upgrades/actions/keep.ts";
import { documentIssues, keepSecrets, withoutKept, type OpenDocument } from "../document-rules.ts";
import { requireMatch } from "../precondition-rules.ts";
import { configInvalid, revisionNotFound } from "../refusal-rules.ts";
import { getRevision } from "../store.ts";
import { planRevision, requireFitting, type PlannedChange } from "./plan.ts";
import { overTemplate } from "./templates.ts";
import { isSealedNow, openDocument, readVersionConfig, type VersionConfig } from "./present.ts";

/** What is to be set for one environment. */
export interface ConfigWrite {
  readonly environment: Environment;
  readonly values: JsonObject;
  /** Name of a template whose values lie under the values given. */
  readonly template?: string | undefined;
}

interface Present {
  readonly install: Install;
  readonly version: VersionConfig;
  readonly opened: OpenDocument;
}

/**
 * Replaces what is set for an environment. Nothing is written where that changes nothing.
 *
 * @param ifMatch  the header If-Match, which a write must have
 * @throws {PlatformError} INSTALL_NOT_FOUND, STATE_CONFLICT, PRECONDITION_REQUIRED, PRECONDITION_FAILED,
 *   CONFIG_TEMPLATE_NOT_FOUND, CONFIG_INVALID
 */
export function putConfig(
  deps: InstallDeps,
  actor: Actor,
  pluginId: string,
  write: ConfigWrite,
  ifMatch: string | undefined,
): Promise<Install> {
  return writeConfig(deps, actor, pluginId, { ifMatch, required: true }, async (present) => {
    const document = await documentAfter(deps, present, write);
    return { document, environment: write.environment, change: "set" };
  });
}

/**
 * Changes what is set for an environment by a merge patch (RFC 7396): null removes a value or a secret.
 *
 * @throws {PlatformError} as {@link putConfig}
 */
export function patchConfig(
  deps: InstallDeps,
  actor: Actor,
  pluginId: string,
  { environment, values: patch }: Omit<ConfigWrite, "template">,
  ifMatch: string | undefined,
): Promise<Install> {
  return writeConfig(deps, actor, pluginId, { ifMatch, required: true }, ({ opened, version }) => {
    const patched = mergePatch(opened[environment] ?? {}, withoutKept(patch, version.secrets)) as JsonObject; // a patched object is one
    const document = withEnvironment(opened, environment, patched);
    return Promise.resolve({ document, environment, change: "patched" });
  });
}

/**
 * Makes an earlier revision hold again, with all its environments and secrets, as a new revision.
 *
 * @throws {PlatformError} CONFIG_REVISION_NOT_FOUND, and as {@link putConfig}
 */
export function rollBackConfig(
  deps: InstallDeps,
  actor: Actor,
  pluginId: string,
  revision: number,
  ifMatch: string | undefined,
): Promise<Install> {
  return writeConfig(deps, actor, pluginId, { ifMatch, required: false }, async ({ install }) => {
    const scope = { tenantId: install.tenantId, installId: install.id };
    const earlier = await getRevision(deps.db, scope, revision);
    if (!earlier) throw revisionNotFound(pluginId, revision);
    const document = await openDocument(deps, { ...install, configuration: earlier.document });
    return { document, environment: "all", change: "rolled-back", reason: `rolled back to revision ${revision}` };
  });
}

/**
 * What a write would be told, without writing.
 *
 * @throws {PlatformError} INSTALL_NOT_FOUND, CONFIG_TEMPLATE_NOT_FOUND
 */
export async function tryConfig(
  deps: InstallDeps,
  actor: Actor,
  pluginId: string,
  write: ConfigWrite,
): Promise<readonly Issue[]> {
  const present = await readPresent(deps, await requireInstall(deps, actor, pluginId));
  try {
    return documentIssues(present.version.schema, await documentAfter(deps, present, write));
  } catch (error) {
    if (error instanceof PlatformError && error.code === "CONFIG_INVALID") return error.issues ?? [];
    throw error;
  }
}

async function readPresent(deps: InstallDeps, install: Install): Promise<Present> {
  const [version, opened] = await Promise.all([
    readVersionConfig(deps, install.versionId),
    openDocument(deps, install),
  ]);
  return { install, version, opened };
}

async function documentAfter(deps: InstallDeps, present: Present, write: ConfigWrite): Promise<OpenDocument> {
  const { install, version, opened } = present;
  const { environment, template } = write;
  const values = await overTemplate(deps, install, template, write.values);
  const sent = keepSecrets(values, opened[environment] ?? {}, version.secrets);
  if ("issues" in sent) throw configInvalid(version.manifest, sent.issues);
  return withEnvironment(opened, environment, sent.config);
}

/** An override that says nothing is none. */
function withEnvironment(opened: OpenDocument, environment: Environment, config: JsonObject): OpenDocument {
  if (environment === "default" || Object.keys(config).length > 0) return { ...opened, [environment]: config };
  const { [environment]: _removed, ...rest } = opened;
  return rest;
}

type Decision = Pick<PlannedChange, "document" | "environment" | "change" | "reason">;

async function writeConfig(
  deps: InstallDeps,
  actor: Actor,
  pluginId: string,
  condition: { readonly ifMatch: string | undefined; readonly required: boolean },
  decide: (present: Present) => Promise<Decision>,
): Promise<Install> {
  return change(deps, actor, pluginId, async () => {
    const install = await requireInstall(deps, actor, pluginId);
    requireMatch(condition.ifMatch, install.configRevision, condition.required);
    nextState(install.state, "update");
    await requireNoUpgrade(deps, install);
    const present = await readPresent(deps, install);
    const decision = await decide(present);
    requireFitting(present.version, decision.document);
    if (isSameJson(decision.document, present.opened) && isSealedNow(deps, install.configuration)) return true;
    const known = { document: install.configuration, opened: present.opened };
    const plan = await planRevision(deps, actor, install, { ...decision, version: present.version, known });
    const { configRevision, event, changed, further } = plan;
    const { environment, change: how, reason } = decision;
    const audit = audited(deps, actor, {
      action: "config.change",
      resourceId: pluginId,
      before: { configRevision: install.configRevision },
      after: { configRevision, environment, change: how, changed, reason },
    });
    return changeInstall(deps.db, install, {
      set: { configRevision },
      events: [event],
      now: deps.clock.now(),
      further: together(further, audit),
    });
  });
}
