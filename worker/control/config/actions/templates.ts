import type { InferInput, InferOutput } from "valibot";
import { namesOf, overlay, valueAt, type JsonObject } from "../../../../sdk/contract/config/json-values.ts";
import { schemaIssues } from "../../../../sdk/contract/config/validate-config.ts";
import { PlatformError, type Issue } from "../../../../sdk/contract/errors.ts";
import type { Deps } from "../../../deps.ts";
import type { Actor } from "../../../lib/actor.ts";
import { auditRow } from "../../audit-log/rules.ts";
import { newEvent, type NewEvent } from "../../events/rules.ts";
import { installNotFound } from "../../installs/request-rules.ts";
import { getInstall } from "../../installs/store.ts";
import { newestInstallable, ownFirst } from "../../plugins/rules.ts";
import { listVersionHeads } from "../../plugins/store.ts";
import { configInvalid, templateNotFound } from "../refusal-rules.ts";
import type { TemplateAnswer, TemplateBody } from "../schema.ts";
import { deleteTemplate, getTemplate, listTemplates, saveTemplate, type Template } from "../template-store.ts";
import { readVersionConfig, type VersionConfig } from "./present.ts";

export type TemplateDeps = Pick<Deps, "db" | "clock" | "newId">;

/** Templates that one plugin of a tenant may have. */
export const TEMPLATES_MOST = 50;

/** What a template need not fulfil, since more is set when it is used. */
const COMPLETENESS = new Set([
  "required",
  "dependentRequired",
  "dependencies",
  "minProperties",
  "anyOf",
  "oneOf",
  "not",
]);

/** By name, one more than `limit` where there are more. @throws {PlatformError} INSTALL_NOT_FOUND */
export async function readTemplates(
  deps: TemplateDeps,
  actor: Actor,
  pluginId: string,
  page: { readonly limit: number; readonly after?: string | undefined },
): Promise<InferInput<typeof TemplateAnswer>[]> {
  await requireTemplated(deps, actor, pluginId);
  const scope = { tenantId: actor.tenantId, pluginId };
  const templates = await listTemplates(deps.db, scope, { ...page, limit: page.limit + 1 });
  return templates.map(describe);
}

/** @throws {PlatformError} INSTALL_NOT_FOUND, CONFIG_TEMPLATE_NOT_FOUND */
export async function readTemplate(
  deps: TemplateDeps,
  actor: Actor,
  pluginId: string,
  name: string,
): Promise<InferInput<typeof TemplateAnswer>> {
  await requireTemplated(deps, actor, pluginId);
  return describe(await requireTemplate(deps, actor, pluginId, name));
}

/**
 * Writes a template, or writes it anew. Installs that were configured with it stay as they are.
 *
 * @throws {PlatformError} INSTALL_NOT_FOUND, QUOTA_EXCEEDED; CONFIG_INVALID where a value does not fit the schema of the
 *   installed version, or the one that would be installed, or is a secret
 */
export async function putTemplate(
  deps: TemplateDeps,
  actor: Actor,
  pluginId: string,
  name: string,
  { description, values }: InferOutput<typeof TemplateBody>,
): Promise<InferInput<typeof TemplateAnswer>> {
  const version = await readVersionConfig(deps, await requireTemplated(deps, actor, pluginId));
  const issues = templateIssues(version, values);
  if (issues.length > 0) throw configInvalid(version.manifest, issues);
  const now = deps.clock.now();
  const template: Template = {
    tenantId: actor.tenantId,
    pluginId,
    name,
    description,
    values,
    author: actor.subject,
    createdAt: now,
    updatedAt: now,
  };
  const after = { description, keys: Object.keys(values) };
  const change = { action: "config-template.set", resourceId: `${pluginId}/${name}`, after } as const;
  const audit = auditRow(actor, change, deps.newId(), now);
  if (!(await saveTemplate(deps.db, template, eventOf(deps, actor, pluginId, name, "saved"), TEMPLATES_MOST, audit))) {
    throw new PlatformError(
      "QUOTA_EXCEEDED",
      `"${pluginId}" has ${TEMPLATES_MOST} templates already; delete one first.`,
      {
        limit: { name: "configTemplates", used: TEMPLATES_MOST, allowed: TEMPLATES_MOST },
      },
    );
  }
  return describe(await requireTemplate(deps, actor, pluginId, name));
}

/** @throws {PlatformError} INSTALL_NOT_FOUND, CONFIG_TEMPLATE_NOT_FOUND */
export async function removeTemplate(deps: TemplateDeps, actor: Actor, pluginId: string, name: string): Promise<void> {
  await requireTemplated(deps, actor, pluginId);
  const event = eventOf(deps, actor, pluginId, name, "deleted");
  const change = { action: "config-template.delete", resourceId: `${pluginId}/${name}` } as const;
  const audit = auditRow(actor, change, deps.newId(), deps.clock.now());
  if (!(await deleteTemplate(deps.db, { tenantId: actor.tenantId, pluginId }, name, event, audit))) {
    throw templateNotFound(pluginId, name);
  }
}

/** Values as a request gives them, over those of the template that it names. @throws {PlatformError} CONFIG_TEMPLATE_NOT_FOUND */
export async function overTemplate(
  deps: Pick<Deps, "db">,
  scope: { readonly tenantId: string; readonly pluginId: string },
  name: string | undefined,
  values: JsonObject,
): Promise<JsonObject> {
  if (name === undefined) return values;
  const template = await getTemplate(deps.db, scope, name);
  if (!template) throw templateNotFound(scope.pluginId, name);
  return overlay(template.values, values);
}

/**
 * The version whose schema templates fit: the installed one, else the one that an install would choose, so that an install can name
 * a template.
 *
 * @throws {PlatformError} INSTALL_NOT_FOUND where the tenant knows no such plugin
 */
async function requireTemplated(deps: TemplateDeps, actor: Actor, pluginId: string): Promise<string> {
  const install = await getInstall(deps.db, actor.tenantId, pluginId);
  if (install && install.state !== "uninstalled") return install.versionId;
  const versions = ownFirst(await listVersionHeads(deps.db, actor.tenantId, [pluginId]), actor.tenantId);
  const version = newestInstallable(versions);
  if (!version) throw installNotFound(pluginId);
  return version.id;
}

async function requireTemplate(deps: TemplateDeps, actor: Actor, pluginId: string, name: string): Promise<Template> {
  const template = await getTemplate(deps.db, { tenantId: actor.tenantId, pluginId }, name);
  if (!template) throw templateNotFound(pluginId, name);
  return template;
}

function templateIssues({ schema, secrets }: VersionConfig, values: JsonObject): readonly Issue[] {
  const held = secrets
    .filter((pointer) => valueAt(values, namesOf(pointer)) !== undefined)
    .map((path) => ({ path, message: "is a secret, which a template must not hold" }));
  if (held.length > 0 || schema === undefined) return held;
  return schemaIssues(schema, values, secrets)
    .filter(({ keyword }) => !COMPLETENESS.has(keyword))
    .map(({ issue }) => issue);
}

function eventOf(
  deps: TemplateDeps,
  actor: Actor,
  pluginId: string,
  template: string,
  change: "saved" | "deleted",
): NewEvent {
  return newEvent({
    id: deps.newId(),
    tenantId: actor.tenantId,
    pluginId,
    type: "config.template-changed",
    data: { template, change },
    subject: actor.subject,
    createdAt: deps.clock.now(),
  });
}

function describe({ tenantId: _own, pluginId: _path, ...shown }: Template): InferInput<typeof TemplateAnswer> {
  return { ...shown, values: { ...shown.values } };
}
