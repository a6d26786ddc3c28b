import * as v from "valibot";
import { decodeCursor, pageOf, pageQuery, toPage } from "../../http/page.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import { PluginParams } from "../installs/schema.ts";
import { putTemplate, readTemplate, readTemplates, removeTemplate } from "./actions/templates.ts";
import { TemplateAnswer, TemplateBody, TemplateParams } from "./schema.ts";

const Position = v.tuple([v.string()]);
const template = { mount: "plugins", tag: "Configuration", permission: "plugins:operate" } as const;

export const configTemplateRoutes: readonly Route[] = [
  defineRoute({
    ...template,
    method: "get",
    path: "/:id/config/templates",
    operationId: "listConfigTemplates",
    summary: "Named sets of values for a plugin, by name",
    params: PluginParams,
    query: v.object(pageQuery),
    answers: { 200: { description: "A page of templates", schema: pageOf(TemplateAnswer) } },
    errors: ["INSTALL_NOT_FOUND"],
    handler: async (context, { params, query }) => {
      const page = { limit: query.limit, after: decodeCursor(query.cursor, Position)?.[0] };
      const rows = await readTemplates(context.get("deps"), context.get("actor"), params.id, page);
      return context.json(toPage(rows, query.limit, ({ name }) => [name]));
    },
  }),
  defineRoute({
    ...template,
    method: "get",
    path: "/:id/config/templates/:name",
    operationId: "getConfigTemplate",
    summary: "One template",
    params: TemplateParams,
    answers: { 200: { description: "The template", schema: TemplateAnswer } },
    errors: ["INSTALL_NOT_FOUND", "CONFIG_TEMPLATE_NOT_FOUND"],
    handler: async (context, { params }) =>
      context.json(await readTemplate(context.get("deps"), context.get("actor"), params.id, params.name)),
  }),
  defineRoute({
    ...template,
    method: "put",
    path: "/:id/config/templates/:name",
    operationId: "putConfigTemplate",
    summary: "Save a template",
    params: TemplateParams,
    body: TemplateBody,
    answers: { 200: { description: "The template after the change", schema: TemplateAnswer } },
    errors: ["INSTALL_NOT_FOUND", "CONFIG_INVALID", "QUOTA_EXCEEDED"],
    handler: async (context, { params, body }) =>
      context.json(await putTemplate(context.get("deps"), context.get("actor"), params.id, params.name, body)),
  }),
  defineRoute({
    ...template,
    method: "delete",
    path: "/:id/config/templates/:name",
    operationId: "deleteConfigTemplate",
    summary: "Delete a template",
    params: TemplateParams,
    answers: { 204: { description: "The template is deleted" } },
    errors: ["INSTALL_NOT_FOUND", "CONFIG_TEMPLATE_NOT_FOUND"],
    handler: async (context, { params }) => {
      await removeTemplate(context.get("deps"), context.get("actor"), params.id, params.name);
      return context.body(null, 204);
    },
  }),
];
