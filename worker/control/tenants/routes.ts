import * as v from "valibot";
import { decodeCursor, pageOf, pageQuery, toPage } from "../../http/page.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import { exportTenant } from "../backups/actions/export-tenant.ts";
import { runLifecycle } from "../lifecycle/actions.ts";
import { lifecycleCaller } from "../lifecycle/routes.ts";
import { createTenant, readTenant, updateTenantFields } from "./actions.ts";
import { TenantAnswer, TenantBody, TenantChange, TenantParams } from "./schema.ts";
import { listTenants } from "./store.ts";

const administered = { mount: "admin", tag: "Tenants", permission: "platform:admin" } as const;
const Position = v.tuple([v.string()]);

export const tenantRoutes: readonly Route[] = [
  defineRoute({
    ...administered,
    method: "get",
    path: "/tenants",
    operationId: "listTenants",
    summary: "List tenants",
    query: v.object(pageQuery),
    answers: { 200: { description: "A page of tenants, by id", schema: pageOf(TenantAnswer) } },
    errors: [],
    handler: async (context, { query }) => {
      const [after] = decodeCursor(query.cursor, Position) ?? [];
      const rows = await listTenants(context.get("deps").db, query.limit + 1, after);
      return context.json(toPage(rows, query.limit, (tenant) => [tenant.id]));
    },
  }),
  defineRoute({
    ...administered,
    method: "post",
    path: "/tenants",
    operationId: "createTenant",
    summary: "Create a tenant",
    body: TenantBody,
    answers: { 201: { description: "The tenant was created", schema: TenantAnswer } },
    errors: ["ALREADY_EXISTS", "SNAPSHOT_UNAVAILABLE"],
    handler: async (context, { body }) =>
      context.json(await createTenant(context.get("deps"), context.get("actor"), body), 201),
  }),
  defineRoute({
    ...administered,
    method: "get",
    path: "/tenants/:tenantId",
    operationId: "getTenant",
    summary: "Read a tenant",
    params: TenantParams,
    answers: { 200: { description: "The tenant", schema: TenantAnswer } },
    errors: ["TENANT_NOT_FOUND"],
    handler: async (context, { params }) => context.json(await readTenant(context.get("deps"), params.tenantId)),
  }),
  defineRoute({
    ...administered,
    method: "get",
    path: "/tenants/:tenantId/export",
    operationId: "exportTenant",
    summary: "Everything that a tenant has, as lines of JSON",
    params: TenantParams,
    answers: { 200: { description: "The export", contentType: "application/x-ndjson" } },
    errors: ["TENANT_NOT_FOUND"],
    handler: async (context, { params: { tenantId } }) =>
      context.body(await exportTenant(context.get("deps"), context.get("actor"), tenantId), 200, {
        "content-type": "application/x-ndjson",
        "content-disposition": `attachment; filename="${tenantId}.ndjson"`,
        "cache-control": "no-store",
      }),
  }),
  defineRoute({
    ...administered,
    method: "patch",
    path: "/tenants/:tenantId",
    operationId: "updateTenant",
    summary: "Rename, suspend or resume a tenant, or change its plan",
    params: TenantParams,
    body: TenantChange,
    answers: { 200: { description: "The tenant after the change", schema: TenantAnswer } },
    errors: ["TENANT_NOT_FOUND", "STATE_CONFLICT", "SNAPSHOT_UNAVAILABLE"],
    handler: async (context, { params, body }) => {
      const deps = context.get("deps");
      const tenant = await updateTenantFields(deps, context.get("actor"), params.tenantId, body);
      if (body.status !== undefined) {
        const caller = { ...lifecycleCaller(context), tenantId: params.tenantId };
        await runLifecycle(deps, caller, body.status === "active" ? "start" : "stop");
      }
      return context.json(tenant);
    },
  }),
];
