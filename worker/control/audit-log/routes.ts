import * as v from "valibot";
import { decodeCursor, pageOf, pageQuery, toPage } from "../../http/page.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import { AuditAnswer, AuditFilter, describeAudit } from "./schema.ts";
import { listAudit } from "./store.ts";

const Position = v.tuple([v.pipe(v.number(), v.integer(), v.minValue(1))]);

export const auditRoutes: readonly Route[] = [
  defineRoute({
    method: "get",
    mount: "plugins",
    path: "/audit-logs",
    operationId: "listAuditLog",
    summary: "Who changed what at this tenant, newest first",
    description: "Rows are numbered per tenant from 1 without gaps, and are never changed or deleted.",
    tag: "Audit",
    permission: "plugins:read",
    query: v.object({ ...pageQuery, ...AuditFilter.entries }),
    answers: { 200: { description: "A page of rows", schema: pageOf(AuditAnswer) } },
    errors: [],
    handler: async (context, { query }) => {
      const { limit, cursor, ...filter } = query;
      const page = { limit: limit + 1, before: decodeCursor(cursor, Position)?.[0] };
      const rows = await listAudit(context.get("deps").db, context.get("actor").tenantId, filter, page);
      return context.json(toPage(rows.map(describeAudit), limit, (row) => [row.sequence]));
    },
  }),
];
