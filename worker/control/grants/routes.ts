import type { Context } from "hono";
import { defineRoute, type AppEnv, type Route } from "../../http/route.ts";
import { PluginParams } from "../installs/schema.ts";
import { proveConsent } from "../upgrades/actions/prove.ts";
import { decideOnConsent } from "./actions/consent.ts";
import { readPermissions, revokePermissions, setPermissions, type Permissions } from "./actions/permissions.ts";
import { reportGrants, readUsage } from "./actions/review.ts";
import { GrantReportAnswer, PeriodQuery, UsageAnswer } from "./report-schema.ts";
import { ConsentBody, PermissionsAnswer, PermissionsBody, RevokeBody } from "./schema.ts";

const granted = { mount: "plugins", tag: "Permissions", permission: "plugins:grant", params: PluginParams } as const;
const CHANGE_ERRORS = ["INSTALL_NOT_FOUND", "STATE_CONFLICT", "SNAPSHOT_UNAVAILABLE"] as const;

function answerWith(context: Context<AppEnv>, { answer, tag }: Permissions): Response {
  context.header("etag", tag);
  return context.json(answer);
}

export const grantRoutes: readonly Route[] = [
  defineRoute({
    ...granted,
    method: "get",
    path: "/:id/permissions",
    operationId: "getPermissions",
    summary: "What an install asks for, what it was granted, and what waits for consent",
    answers: { 200: { description: "The permissions, with an entity tag", schema: PermissionsAnswer } },
    errors: ["INSTALL_NOT_FOUND"],
    handler: async (context, { params }) =>
      answerWith(context, await readPermissions(context.get("deps"), context.get("actor"), params.id)),
  }),
  defineRoute({
    ...granted,
    method: "put",
    path: "/:id/permissions",
    operationId: "setPermissions",
    summary: "Grant capabilities to an install",
    body: PermissionsBody,
    answers: { 200: { description: "The permissions after the change", schema: PermissionsAnswer } },
    errors: [...CHANGE_ERRORS, "PRECONDITION_FAILED"],
    handler: async (context, { params, body }) => {
      const ifMatch = context.req.header("if-match");
      const { grants } = body;
      return answerWith(
        context,
        await setPermissions(context.get("deps"), context.get("actor"), params.id, grants, ifMatch),
      );
    },
  }),
  defineRoute({
    ...granted,
    method: "post",
    path: "/:id/permissions/revoke",
    operationId: "revokePermissions",
    summary: "Revoke capabilities of an install",
    body: RevokeBody,
    answers: { 200: { description: "The permissions after the change", schema: PermissionsAnswer } },
    errors: CHANGE_ERRORS,
    handler: async (context, { params, body }) =>
      answerWith(
        context,
        await revokePermissions(context.get("deps"), context.get("actor"), params.id, body.capabilities),
      ),
  }),
  defineRoute({
    ...granted,
    method: "post",
    path: "/:id/permissions/consent",
    operationId: "decideOnConsent",
    summary: "Consent to a version that asks for more, or refuse it",
    body: ConsentBody,
    answers: { 200: { description: "The permissions after the change", schema: PermissionsAnswer } },
    errors: [
      ...CHANGE_ERRORS,
      "PLUGIN_NOT_FOUND",
      "VERSION_NOT_FOUND",
      "SCAN_REFUSED",
      "CONFIG_INCOMPATIBLE",
      "UPGRADE_REFUSED",
      "BACKUP_FAILED",
    ],
    handler: async (context, { params, body }) => {
      const [deps, actor] = [context.get("deps"), context.get("actor")];
      const proof = await proveConsent(deps, actor, params.id, body);
      return answerWith(context, await decideOnConsent(deps, actor, params.id, body, proof));
    },
  }),
  defineRoute({
    ...granted,
    method: "get",
    path: "/:id/permissions/report",
    operationId: "reportPermissions",
    summary: "What is granted, held against what was used, and the least grants that would do",
    query: PeriodQuery,
    answers: { 200: { description: "The report", schema: GrantReportAnswer } },
    errors: ["INSTALL_NOT_FOUND"],
    handler: async (context, { params, query }) =>
      context.json(await reportGrants(context.get("deps"), context.get("actor"), params.id, query.days)),
  }),
  defineRoute({
    ...granted,
    permission: "plugins:read",
    method: "get",
    path: "/:id/usage",
    operationId: "getUsage",
    summary: "What an install used of its capabilities, against its quotas",
    query: PeriodQuery,
    answers: { 200: { description: "The use, in all and by day", schema: UsageAnswer } },
    errors: ["INSTALL_NOT_FOUND"],
    handler: async (context, { params, query }) =>
      context.json(await readUsage(context.get("deps"), context.get("actor"), params.id, query.days)),
  }),
];
