import * as v from "valibot";
import { PLUGIN_ID_PATTERN } from "../../../sdk/contract/identifiers.ts";
import { VERSION_MAX_LENGTH, VERSION_PATTERN } from "../../../sdk/contract/version.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import { uploadPackage } from "./actions/upload.ts";
import { yankVersion } from "./actions/yank.ts";
import { describeVersion, UPLOAD_FORM, VersionAnswer, YankBody } from "./schema.ts";

const PluginParams = v.object({
  id: v.pipe(v.string(), v.regex(PLUGIN_ID_PATTERN, "must be a plugin id: `name` or `publisher.name`")),
});
const VersionParams = v.object({
  ...PluginParams.entries,
  version: v.pipe(v.string(), v.maxLength(VERSION_MAX_LENGTH), v.regex(VERSION_PATTERN, "must be a semantic version")),
});
const yanking = {
  mount: "plugins",
  path: "/:id/versions/:version/yank",
  tag: "Packages",
  permission: "plugins:upload",
  params: VersionParams,
  errors: ["VERSION_NOT_FOUND"],
} as const;

export const packageRoutes: readonly Route[] = [
  defineRoute({
    method: "post",
    mount: "plugins",
    path: "/upload",
    operationId: "uploadPackage",
    summary: "Upload a plugin package",
    tag: "Packages",
    permission: "plugins:upload",
    rawBody: { "multipart/form-data": UPLOAD_FORM },
    answers: {
      200: { description: "This very package was uploaded before", schema: VersionAnswer },
      201: { description: "The version was stored", schema: VersionAnswer },
    },
    errors: [
      "BODY_UNREADABLE",
      "MEDIA_TYPE_UNSUPPORTED",
      "PACKAGE_TOO_LARGE",
      "ARCHIVE_INVALID",
      "MANIFEST_INVALID",
      "MODULE_INVALID",
      "MODULE_UNSUPPORTED",
      "SCAN_REFUSED",
      "VERSION_CONFLICT",
      "QUOTA_EXCEEDED",
      "TENANT_NOT_FOUND",
    ],
    handler: async (context) => {
      const { record, created } = await uploadPackage(context.get("deps"), context.get("actor"), context.req.raw);
      return context.json(describeVersion(record), created ? 201 : 200);
    },
  }),
  defineRoute({
    ...yanking,
    method: "put",
    operationId: "yankVersion",
    summary: "Withdraw a version of your own",
    body: YankBody,
    answers: { 200: { description: "The version, withdrawn", schema: VersionAnswer } },
    handler: async (context, { params: { id: pluginId, version }, body }) => {
      const [deps, actor] = [context.get("deps"), context.get("actor")];
      return context.json(describeVersion(await yankVersion(deps, actor, { pluginId, version }, body.reason)));
    },
  }),
  defineRoute({
    ...yanking,
    method: "delete",
    operationId: "unyankVersion",
    summary: "Let a withdrawn version be installed again",
    answers: { 200: { description: "The version, withdrawn no longer", schema: VersionAnswer } },
    handler: async (context, { params: { id: pluginId, version } }) => {
      const [deps, actor] = [context.get("deps"), context.get("actor")];
      return context.json(describeVersion(await yankVersion(deps, actor, { pluginId, version }, null)));
    },
  }),
];
