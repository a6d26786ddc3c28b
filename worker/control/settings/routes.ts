import type { Context } from "hono";
import * as v from "valibot";
import type { Permission } from "../../../sdk/contract/roles.ts";
import type { SettingGroup } from "../../../sdk/contract/settings.ts";
import { decodeCursor, pageOf, pageQuery, toPage } from "../../http/page.ts";
import { defineRoute, type AppEnv, type Route } from "../../http/route.ts";
import { etagOf } from "../config/precondition-rules.ts";
import { describeSettings, updateSettings } from "./actions.ts";
import { groupAnswer, groupBody, SettingsAnswer, SettingsBody, SettingsRevision } from "./schema.ts";
import { listSettings } from "./store.ts";

const IF_MATCH = {
  "If-Match": { description: "The `ETag` of the settings that the change is about", required: false },
} as const;
const Position = v.tuple([v.pipe(v.number(), v.integer(), v.minValue(1))]);
const administered = { mount: "admin", tag: "Settings", permission: "platform:admin" } as const;

/** One group of the settings by itself, where the plugins' own paths have it. */
function groupRoutes(group: SettingGroup, path: string, name: string, reads: Permission, about: string): Route[] {
  const shown = async (context: Context<AppEnv>, settings: v.InferInput<typeof SettingsAnswer>): Promise<Response> => {
    const { revision, updatedBy, updatedAt } = settings;
    context.header("etag", etagOf(revision));
    return context.json({ revision, ...settings[group], updatedBy, updatedAt });
  };
  const answers = (what: string) => ({ 200: { description: what, schema: groupAnswer(group) } });
  return [
    defineRoute({
      mount: "plugins",
      tag: "Settings",
      permission: reads,
      method: "get",
      path,
      operationId: `get${name}`,
      summary: `Settings of ${about}, with an entity tag`,
      answers: answers("The settings with their values"),
      errors: [],
      handler: async (context) => shown(context, await describeSettings(context.get("deps"))),
    }),
    defineRoute({
      mount: "plugins",
      tag: "Settings",
      permission: "platform:admin",
      method: "put",
      path,
      operationId: `update${name}`,
      summary: `Change settings of ${about} while the platform runs`,
      description: "They hold for the whole platform. What is left out stays.",
      headers: IF_MATCH,
      body: groupBody(group),
      answers: answers("The settings after the change"),
      errors: ["PRECONDITION_FAILED", "STATE_CONFLICT"],
      handler: async (context, { body }) => {
        const [deps, actor, header] = [context.get("deps"), context.get("actor"), context.req.header("if-match")];
        return shown(context, await updateSettings(deps, actor, { [group]: body }, header));
      },
    }),
  ];
}

export const settingsRoutes: readonly Route[] = [
  ...groupRoutes("audit", "/self-debug/config", "AuditSettings", "plugins:operate", "audits and healing"),
  ...groupRoutes(
    "migration",
    "/migration-proof/config",
    "MigrationSettings",
    "tenant:admin",
    "backups and emergencies",
  ),
  defineRoute({
    ...administered,
    method: "get",
    path: "/settings",
    operationId: "getSettings",
    summary: "Settings of the platform, with an entity tag",
    answers: { 200: { description: "Every setting with its value", schema: SettingsAnswer } },
    errors: [],
    handler: async (context) => {
      const settings = await describeSettings(context.get("deps"));
      context.header("etag", etagOf(settings.revision));
      return context.json(settings);
    },
  }),
  defineRoute({
    ...administered,
    method: "put",
    path: "/settings",
    operationId: "updateSettings",
    summary: "Change settings of the platform while it runs",
    headers: IF_MATCH,
    body: SettingsBody,
    answers: { 200: { description: "The settings after the change", schema: SettingsAnswer } },
    errors: ["PRECONDITION_FAILED", "STATE_CONFLICT"],
    handler: async (context, { body }) => {
      const [deps, actor, header] = [context.get("deps"), context.get("actor"), context.req.header("if-match")];
      const settings = await updateSettings(deps, actor, body, header);
      context.header("etag", etagOf(settings.revision));
      return context.json(settings);
    },
  }),
  defineRoute({
    ...administered,
    method: "get",
    path: "/settings/history",
    operationId: "listSettingsRevisions",
    summary: "Every change of the platform's settings, newest first",
    query: v.object(pageQuery),
    answers: { 200: { description: "A page of revisions", schema: pageOf(SettingsRevision) } },
    errors: [],
    handler: async (context, { query }) => {
      const before = decodeCursor(query.cursor, Position)?.[0];
      const revisions = await listSettings(context.get("deps").db, { limit: query.limit + 1, before });
      const rows = revisions.map(({ settings, changed, ...rest }) => ({ ...rest, ...settings, changed: [...changed] }));
      return context.json(toPage(rows, query.limit, ({ revision }) => [revision]));
    },
  }),
];
