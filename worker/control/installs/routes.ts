import type { Context } from "hono";
import type { ErrorCode } from "../../../sdk/contract/errors.ts";
import { defineRoute, type AppEnv, type Route } from "../../http/route.ts";
import { backUpInstallBefore } from "../backups/actions/manage.ts";
import { aroundChange } from "../lifecycle/actions.ts";
import { lifecycleCaller } from "../lifecycle/routes.ts";
import { installPlugin } from "./actions/install.ts";
import { moveInstall } from "./actions/move.ts";
import { updateInstall } from "./actions/update.ts";
import { proveUpdate } from "../upgrades/actions/prove.ts";
import { clearRemovedInstall } from "../removals/actions.ts";
import {
  describeInstall,
  InstallAnswer,
  InstallBody,
  InstallOptions,
  PluginParams,
  UpdateBody,
  type InstallInput,
} from "./schema.ts";

const MOVE_ERRORS: readonly ErrorCode[] = ["INSTALL_NOT_FOUND", "STATE_CONFLICT", "SNAPSHOT_UNAVAILABLE"];
const CONFIG_ERRORS: readonly ErrorCode[] = ["CONFIG_INVALID", "CONFIG_KEY_UNKNOWN", "CONFIG_UNREADABLE"];
const INSTALL_ERRORS: readonly ErrorCode[] = [
  "PLUGIN_NOT_FOUND",
  "VERSION_NOT_FOUND",
  "SCAN_REFUSED",
  "STATE_CONFLICT",
  "QUOTA_EXCEEDED",
  "CONFIG_INVALID",
  "CONFIG_TEMPLATE_NOT_FOUND",
  "SNAPSHOT_UNAVAILABLE",
];
const INSTALL_ANSWERS = {
  200: { description: "The plugin was installed like this already", schema: InstallAnswer },
  201: { description: "The plugin was installed", schema: InstallAnswer },
};
const operated = { mount: "plugins", tag: "Installs", permission: "plugins:operate" } as const;

/** Routes that move an install; each has two paths for one action. */
function moveRoute(
  method: "post" | "delete",
  path: string,
  operationId: string,
  move: "activate" | "deactivate" | "uninstall",
  summary: string,
): Route {
  return defineRoute({
    ...operated,
    method,
    path,
    operationId,
    summary,
    params: PluginParams,
    answers: { 200: { description: "The install after the move", schema: InstallAnswer } },
    errors: [
      ...MOVE_ERRORS,
      ...(move === "activate" ? (["VERSION_NOT_FOUND", "SCAN_REFUSED", ...CONFIG_ERRORS] as const) : []),
      ...(move === "uninstall" ? (["BACKUP_FAILED"] as const) : []),
    ],
    handler: async (context, { params }) => {
      const deps = context.get("deps");
      const actor = context.get("actor");
      const removes = move === "uninstall";
      if (removes) await backUpInstallBefore(deps, actor, params.id, "uninstall");
      const moving = () => moveInstall(deps, actor, params.id, move);
      const moved = await aroundChange(deps, lifecycleCaller(context), params.id, moving, removes);
      if (removes) deps.defer(clearRemovedInstall(deps, actor.tenantId, params.id));
      return context.json(describeInstall(moved));
    },
  });
}

async function install(context: Context<AppEnv>, input: InstallInput): Promise<Response> {
  const deps = context.get("deps");
  const { install: installed, created } = await aroundChange(deps, lifecycleCaller(context), input.pluginId, () =>
    installPlugin(deps, context.get("actor"), input),
  );
  return context.json(describeInstall(installed), created ? 201 : 200);
}

export const installRoutes: readonly Route[] = [
  defineRoute({
    ...operated,
    method: "post",
    path: "/install",
    operationId: "installPlugin",
    summary: "Install a plugin",
    body: InstallBody,
    answers: INSTALL_ANSWERS,
    errors: INSTALL_ERRORS,
    handler: async (context, { body }) => {
      return install(context, body);
    },
  }),
  defineRoute({
    ...operated,
    method: "post",
    path: "/install/:id",
    operationId: "installPluginById",
    summary: "Install the plugin of the path",
    params: PluginParams,
    body: InstallOptions,
    answers: INSTALL_ANSWERS,
    errors: INSTALL_ERRORS,
    handler: async (context, { params, body }) => {
      return install(context, { ...body, pluginId: params.id });
    },
  }),
  moveRoute("delete", "/uninstall/:id", "uninstallPluginByPath", "uninstall", "Remove an install"),
  moveRoute("delete", "/:id", "uninstallPlugin", "uninstall", "Remove an install"),
  moveRoute("post", "/:id/activate", "activatePlugin", "activate", "Begin to take calls"),
  moveRoute("post", "/:id/load", "loadPlugin", "activate", "Begin to take calls (the same as activate)"),
  moveRoute("post", "/:id/deactivate", "deactivatePlugin", "deactivate", "Stop taking calls"),
  moveRoute("post", "/:id/unload", "unloadPlugin", "deactivate", "Stop taking calls (the same as deactivate)"),
  defineRoute({
    ...operated,
    method: "put",
    path: "/:id",
    operationId: "updatePlugin",
    summary: "Change version, configuration, limits, reuse or persistVariables of an install",
    params: PluginParams,
    body: UpdateBody,
    answers: { 200: { description: "The install after the change", schema: InstallAnswer } },
    errors: [
      ...MOVE_ERRORS,
      "PLUGIN_NOT_FOUND",
      "VERSION_NOT_FOUND",
      "SCAN_REFUSED",
      "CONSENT_REQUIRED",
      "CONFIG_INCOMPATIBLE",
      "UPGRADE_REFUSED",
      "BACKUP_FAILED",
      ...CONFIG_ERRORS,
    ],
    handler: async (context, { params, body }) => {
      const [deps, actor] = [context.get("deps"), context.get("actor")];
      const proof = await proveUpdate(deps, actor, params.id, body);
      const update = () => updateInstall(deps, actor, params.id, body, proof);
      return context.json(describeInstall(await aroundChange(deps, lifecycleCaller(context), params.id, update)));
    },
  }),
];
