import * as v from "valibot";
import { PLUGIN_ID_PATTERN, ULID_PATTERN } from "../../../sdk/contract/identifiers.ts";
import { decodeCursor, pageOf, pageQuery, toPage } from "../../http/page.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import { uploadPackage } from "./actions/upload.ts";
import { listPluginVersions } from "./actions/versions.ts";
import { describeSummary, describeVersion, UPLOAD_FORM, VersionAnswer, VersionListItem } from "./schema.ts";

const VersionPosition = v.tuple([v.pipe(v.string(), v.regex(ULID_PATTERN))]);
const PluginParams = v.object({
  id: v.pipe(v.string(), v.regex(PLUGIN_ID_PATTERN, "must be a plugin id: `name` or `publisher.name`")),
});

export const packageRoutes: readonly Route[] = [
  defineRoute({
    method: "post",
    mount: "plugins",
    path: "/upload",
    operationId: "uploadPackage",
    summary: "Upload a plugin package",
    description:
      "Takes a package of up to 50 MiB, checks archive, manifest and module, scans and meters it, and stores it as a " +
      "version of its plugin. The same package again gives the same version; another package under the same version is " +
      "a conflict. Nothing is kept of what is refused.",
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
    method: "get",
    mount: "plugins",
    path: "/:id/versions",
    operationId: "listPluginVersions",
    summary: "Versions of a plugin, newest first",
    tag: "Packages",
    permission: "plugins:read",
    params: PluginParams,
    query: v.object(pageQuery),
    answers: { 200: { description: "A page of versions", schema: pageOf(VersionListItem) } },
    errors: ["PLUGIN_NOT_FOUND"],
    handler: async (context, { params, query }) => {
      const page = { limit: query.limit, after: decodeCursor(query.cursor, VersionPosition)?.[0] };
      const rows = await listPluginVersions(context.get("deps"), context.get("actor"), params.id, page);
      return context.json(toPage(rows.map(describeSummary), query.limit, (row) => [row.id]));
    },
  }),
];
