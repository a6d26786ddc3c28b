import * as v from "valibot";
import type { Context } from "hono";
import type { ErrorCode } from "../../../sdk/contract/errors.ts";
import { ULID_PATTERN } from "../../../sdk/contract/identifiers.ts";
import { decodeCursor, pageOf, pageQuery, toPage } from "../../http/page.ts";
import { defineRoute, type AppEnv, type Route } from "../../http/route.ts";
import { requireInstall } from "../installs/actions/change.ts";
import { describeInstall, InstallAnswer, PluginParams } from "../installs/schema.ts";
import { bisect } from "./actions/bisect.ts";
import { promoteUpgrade, takeBackUpgrade } from "./actions/finish.ts";
import { listStandings, readPolicy, readUpgrade } from "./actions/read.ts";
import { rollBack } from "./actions/roll-back.ts";
import { setUpdatePolicy } from "./actions/set-policy.ts";
import { startUpgrade } from "./actions/start.ts";
import {
  AbortBody,
  BisectAnswer,
  BisectBody,
  describeUpgrade,
  PolicyAnswer,
  PolicyBody,
  RollBackBody,
  UpgradeAnswer,
  UpgradeBody,
  VersionStanding,
} from "./schema.ts";

const VersionPosition = v.tuple([v.pipe(v.string(), v.regex(ULID_PATTERN))]);
const of = { mount: "plugins", tag: "Upgrades", params: PluginParams } as const;
const operated = { ...of, permission: "plugins:operate" } as const;
const INSTALL_ERRORS: readonly ErrorCode[] = ["INSTALL_NOT_FOUND", "STATE_CONFLICT", "SNAPSHOT_UNAVAILABLE"];
const MOVE_ERRORS: readonly ErrorCode[] = [
  ...INSTALL_ERRORS,
  "PLUGIN_NOT_FOUND",
  "VERSION_NOT_FOUND",
  "SCAN_REFUSED",
  "CONFIG_INCOMPATIBLE",
  "CONFIG_KEY_UNKNOWN",
  "CONFIG_UNREADABLE",
];

async function showUpgrade(context: Context<AppEnv>, pluginId: string): Promise<Response> {
  return context.json(describeUpgrade(await readUpgrade(context.get("deps"), context.get("actor"), pluginId)));
}

async function showInstall(context: Context<AppEnv>, pluginId: string): Promise<Response> {
  return context.json(describeInstall(await requireInstall(context.get("deps"), context.get("actor"), pluginId)));
}

export const upgradeRoutes: readonly Route[] = [
  defineRoute({
    ...of,
    method: "get",
    path: "/:id/versions",
    operationId: "listPluginVersions",
    summary: "Versions of a plugin side by side, newest first",
    permission: "plugins:read",
    query: v.object(pageQuery),
    answers: { 200: { description: "A page of versions", schema: pageOf(VersionStanding) } },
    errors: ["PLUGIN_NOT_FOUND"],
    handler: async (context, { params, query }) => {
      const page = { limit: query.limit, after: decodeCursor(query.cursor, VersionPosition)?.[0] };
      const rows = await listStandings(context.get("deps"), context.get("actor"), params.id, page);
      return context.json(toPage(rows, query.limit, (row) => [row.id]));
    },
  }),
  defineRoute({
    ...operated,
    method: "post",
    path: "/:id/upgrade",
    operationId: "upgradePlugin",
    summary: "Move an install to another version, proved by recorded calls and a canary",
    body: UpgradeBody,
    answers: { 200: { description: "The upgrade, under way or done", schema: UpgradeAnswer } },
    errors: [...MOVE_ERRORS, "UPGRADE_REFUSED", "CONSENT_REQUIRED", "BACKUP_FAILED"],
    handler: async (context, { params, body }) => {
      await startUpgrade(context.get("deps"), context.get("actor"), params.id, body);
      return showUpgrade(context, params.id);
    },
  }),
  defineRoute({
    ...operated,
    method: "get",
    path: "/:id/upgrade",
    operationId: "getUpgrade",
    summary: "The last upgrade of an install: what replayed calls showed, and how far its canary is",
    answers: { 200: { description: "The upgrade", schema: UpgradeAnswer } },
    errors: ["INSTALL_NOT_FOUND", "UPGRADE_NOT_FOUND"],
    handler: (context, { params }) => showUpgrade(context, params.id),
  }),
  defineRoute({
    ...operated,
    method: "post",
    path: "/:id/upgrade/promote",
    operationId: "promoteUpgrade",
    summary: "Give the version of the running upgrade all calls",
    answers: { 200: { description: "The upgrade, promoted", schema: UpgradeAnswer } },
    errors: [...MOVE_ERRORS, "BACKUP_FAILED"],
    handler: async (context, { params }) => {
      await promoteUpgrade(context.get("deps"), context.get("actor"), params.id);
      return showUpgrade(context, params.id);
    },
  }),
  defineRoute({
    ...operated,
    method: "post",
    path: "/:id/upgrade/abort",
    operationId: "abortUpgrade",
    summary: "Stop the running upgrade",
    body: AbortBody,
    answers: { 200: { description: "The upgrade, aborted", schema: UpgradeAnswer } },
    errors: INSTALL_ERRORS,
    handler: async (context, { params, body }) => {
      await takeBackUpgrade(context.get("deps"), context.get("actor"), params.id, "aborted", body.reason);
      return showUpgrade(context, params.id);
    },
  }),
  defineRoute({
    ...operated,
    method: "post",
    path: "/:id/rollback",
    operationId: "rollBackPlugin",
    summary: "Move an install back to a version that it had",
    body: RollBackBody,
    answers: { 200: { description: "The install after the move", schema: InstallAnswer } },
    errors: [...MOVE_ERRORS, "BACKUP_UNREADABLE", "BACKUP_KEY_UNKNOWN"],
    handler: async (context, { params, body }) => {
      await rollBack(context.get("deps"), context.get("actor"), params.id, body);
      return showInstall(context, params.id);
    },
  }),
  defineRoute({
    ...of,
    method: "get",
    path: "/:id/update-policy",
    operationId: "getUpdatePolicy",
    summary: "Which new versions an install takes by itself",
    permission: "plugins:read",
    answers: { 200: { description: "The policy", schema: PolicyAnswer } },
    errors: ["INSTALL_NOT_FOUND"],
    handler: async (context, { params }) =>
      context.json(await readPolicy(context.get("deps"), context.get("actor"), params.id)),
  }),
  defineRoute({
    ...operated,
    method: "put",
    path: "/:id/update-policy",
    operationId: "setUpdatePolicy",
    summary: "Say which new versions an install takes by itself, or pin it",
    body: PolicyBody,
    answers: { 200: { description: "The policy", schema: PolicyAnswer } },
    errors: ["INSTALL_NOT_FOUND"],
    handler: async (context, { params, body }) => {
      await setUpdatePolicy(context.get("deps"), context.get("actor"), params.id, body);
      return context.json(await readPolicy(context.get("deps"), context.get("actor"), params.id));
    },
  }),
  defineRoute({
    ...operated,
    method: "post",
    path: "/:id/bisect",
    operationId: "bisectPlugin",
    summary: "Name the version that brought a change of behaviour",
    body: BisectBody,
    answers: { 200: { description: "The culprit, and what shows it", schema: BisectAnswer } },
    errors: ["INSTALL_NOT_FOUND", "VERSION_NOT_FOUND", "RECORDING_NOT_FOUND"],
    handler: async (context, { params, body }) => {
      const found = await bisect(context.get("deps"), context.get("actor"), params.id, body);
      const evidence = found.evidence.map((one) => ({ ...one, differences: [...one.differences] }));
      const { good, bad } = body;
      return context.json({ pluginId: params.id, good, bad, ...found, tried: [...found.tried], evidence });
    },
  }),
];
