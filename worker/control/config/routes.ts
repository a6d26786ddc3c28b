import type { Context } from "hono";
import * as v from "valibot";
import type { Environment } from "../../../sdk/contract/config/environments.ts";
import type { ErrorCode } from "../../../sdk/contract/errors.ts";
import { decodeCursor, pageOf, pageQuery, toPage } from "../../http/page.ts";
import { defineRoute, type AppEnv, type Route } from "../../http/route.ts";
import { PluginParams, type Install } from "../installs/schema.ts";
import { describeConfig, readConfigSchema, readHistory, readRevision, requireConfigurable } from "./actions/read.ts";
import { patchConfig, putConfig, rollBackConfig, tryConfig } from "./actions/write.ts";
import { etagOf, isKnown } from "./precondition-rules.ts";
import {
  ConfigAnswer,
  EnvironmentQuery,
  PatchBody,
  RevisionAnswer,
  RevisionDetail,
  RevisionParams,
  RollbackBody,
  SchemaAnswer,
  ValidationAnswer,
  ValuesBody,
  WriteQuery,
} from "./schema.ts";

const Position = v.tuple([v.pipe(v.number(), v.integer(), v.minValue(1))]);
const configured = {
  mount: "plugins",
  tag: "Configuration",
  permission: "plugins:operate",
  params: PluginParams,
} as const;
const WRITE_ERRORS: readonly ErrorCode[] = [
  "INSTALL_NOT_FOUND",
  "STATE_CONFLICT",
  "CONFIG_INVALID",
  "PRECONDITION_FAILED",
  "CONFIG_KEY_UNKNOWN",
  "CONFIG_UNREADABLE",
  "SNAPSHOT_UNAVAILABLE",
];
const SEEN =
  "A configuration that does not fit is refused whole. Calls under way end with the one they began with; the next see the " +
  "new one at once where the answer comes from, and within 30 seconds everywhere.";
const ifMatch = (required: boolean) => ({
  "If-Match": { description: "The `ETag` of the configuration that the change is about, or `*`", required },
});

async function answer(context: Context<AppEnv>, install: Install, environment: Environment): Promise<Response> {
  context.header("etag", etagOf(install.configRevision));
  return context.json(await describeConfig(context.get("deps"), install, environment));
}

export const configRoutes: readonly Route[] = [
  defineRoute({
    ...configured,
    method: "get",
    path: "/:id/config",
    operationId: "getConfig",
    summary: "The configuration of an install, with an entity tag",
    query: EnvironmentQuery,
    headers: { "If-None-Match": { description: "An `ETag` that the reader has already", required: false } },
    answers: {
      200: { description: "The configuration", schema: ConfigAnswer },
      304: { description: "It is the one that the reader has" },
    },
    errors: ["INSTALL_NOT_FOUND"],
    handler: async (context, { params, query }) => {
      const install = await requireConfigurable(context.get("deps"), context.get("actor"), params.id);
      if (!isKnown(context.req.header("if-none-match"), install.configRevision)) {
        return answer(context, install, query.environment);
      }
      return context.body(null, 304, { etag: etagOf(install.configRevision) });
    },
  }),
  defineRoute({
    ...configured,
    method: "put",
    path: "/:id/config",
    operationId: "putConfig",
    summary: "Configure an install for an environment",
    description: `Replaces what is set for the environment. ${SEEN}`,
    query: WriteQuery,
    headers: ifMatch(true),
    body: ValuesBody,
    answers: { 200: { description: "The configuration after the change", schema: ConfigAnswer } },
    errors: [...WRITE_ERRORS, "PRECONDITION_REQUIRED", "CONFIG_TEMPLATE_NOT_FOUND"],
    handler: async (context, { params, query, body }) => {
      const [deps, actor, header] = [context.get("deps"), context.get("actor"), context.req.header("if-match")];
      const install = await putConfig(deps, actor, params.id, { ...query, values: body }, header);
      return answer(context, install, query.environment);
    },
  }),
  defineRoute({
    ...configured,
    method: "patch",
    path: "/:id/config",
    operationId: "patchConfig",
    summary: "Change part of the configuration of an install for an environment",
    description: `The body is a merge patch (RFC 7396), as \`application/merge-patch+json\` or \`application/json\`. ${SEEN}`,
    query: EnvironmentQuery,
    headers: ifMatch(true),
    body: PatchBody,
    answers: { 200: { description: "The configuration after the change", schema: ConfigAnswer } },
    errors: [...WRITE_ERRORS, "PRECONDITION_REQUIRED"],
    handler: async (context, { params, query, body }) => {
      const [deps, actor, header] = [context.get("deps"), context.get("actor"), context.req.header("if-match")];
      const install = await patchConfig(deps, actor, params.id, { ...query, values: body }, header);
      return answer(context, install, query.environment);
    },
  }),
  defineRoute({
    ...configured,
    method: "post",
    path: "/:id/config/validate",
    operationId: "validateConfig",
    summary: "Say whether a configuration would be taken, without writing it",
    query: WriteQuery,
    body: ValuesBody,
    answers: { 200: { description: "Whether it would, and everything that is wrong", schema: ValidationAnswer } },
    errors: ["INSTALL_NOT_FOUND", "CONFIG_TEMPLATE_NOT_FOUND", "CONFIG_KEY_UNKNOWN", "CONFIG_UNREADABLE"],
    handler: async (context, { params, query, body }) => {
      const write = { ...query, values: body };
      const issues = await tryConfig(context.get("deps"), context.get("actor"), params.id, write);
      return context.json({ valid: issues.length === 0, issues });
    },
  }),
  defineRoute({
    ...configured,
    method: "post",
    path: "/:id/config/rollback",
    operationId: "rollBackConfig",
    summary: "Make an earlier revision of the configuration hold again",
    description: `With all environments and secrets, as a new revision, if it fits the installed version. ${SEEN}`,
    headers: ifMatch(false),
    body: RollbackBody,
    answers: { 200: { description: "The configuration after the change", schema: ConfigAnswer } },
    errors: [...WRITE_ERRORS, "CONFIG_REVISION_NOT_FOUND"],
    handler: async (context, { params, body }) => {
      const [deps, actor, header] = [context.get("deps"), context.get("actor"), context.req.header("if-match")];
      const install = await rollBackConfig(deps, actor, params.id, body.revision, header);
      return answer(context, install, "default");
    },
  }),
  defineRoute({
    ...configured,
    method: "get",
    path: "/:id/config/schema",
    operationId: "getConfigSchema",
    summary: "What the installed version takes as its configuration",
    answers: { 200: { description: "The schema", schema: SchemaAnswer } },
    errors: ["INSTALL_NOT_FOUND"],
    handler: async (context, { params }) =>
      context.json(await readConfigSchema(context.get("deps"), context.get("actor"), params.id)),
  }),
  defineRoute({
    ...configured,
    method: "get",
    path: "/:id/config/history",
    operationId: "listConfigRevisions",
    summary: "Revisions of the configuration of an install, newest first; the last 100 are kept",
    query: v.object(pageQuery),
    answers: { 200: { description: "A page of revisions, without their values", schema: pageOf(RevisionAnswer) } },
    errors: ["INSTALL_NOT_FOUND"],
    handler: async (context, { params, query }) => {
      const page = { limit: query.limit, before: decodeCursor(query.cursor, Position)?.[0] };
      const rows = await readHistory(context.get("deps"), context.get("actor"), params.id, page);
      return context.json(toPage(rows, query.limit, ({ revision }) => [revision]));
    },
  }),
  defineRoute({
    ...configured,
    method: "get",
    path: "/:id/config/history/:revision",
    operationId: "getConfigRevision",
    summary: "One revision of the configuration of an install",
    params: RevisionParams,
    answers: { 200: { description: "The revision; of secrets only that they were set", schema: RevisionDetail } },
    errors: ["INSTALL_NOT_FOUND", "CONFIG_REVISION_NOT_FOUND"],
    handler: async (context, { params }) =>
      context.json(await readRevision(context.get("deps"), context.get("actor"), params.id, params.revision)),
  }),
];
