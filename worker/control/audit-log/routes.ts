import * as v from "valibot";
import { decodeCursor, pageOf, pageQuery, toPage } from "../../http/page.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import { verifyAuditLog } from "./actions.ts";
import { CHAIN_FAULTS } from "./chain-rules.ts";
import { AuditAnswer, AuditFilter, describeAudit, VerificationAnswer, VerifyQuery } from "./schema.ts";
import { listAudit } from "./store.ts";

/** Rows that one request checks. */
const VERIFIED_ROWS = 5_000;

const Position = v.tuple([v.pipe(v.number(), v.integer(), v.minValue(1))]);

export const auditRoutes: readonly Route[] = [
  defineRoute({
    method: "get",
    mount: "plugins",
    path: "/audit-logs",
    operationId: "listAuditLog",
    summary: "Who changed what at this tenant, newest first",
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
  defineRoute({
    method: "get",
    mount: "plugins",
    path: "/audit-logs/verify",
    operationId: "verifyAuditLog",
    summary: "Whether the audit log is as it was written",
    description: `Rows are chained by hashes whose last is also kept outside the database. Checks up to ${VERIFIED_ROWS} rows; \`next\` goes on.`,
    tag: "Audit",
    permission: "plugins:read",
    query: VerifyQuery,
    answers: { 200: { description: "What was found", schema: VerificationAnswer } },
    errors: [],
    handler: async (context, { query: { after } }) => {
      const { tenantId } = context.get("actor");
      const range = { after, most: VERIFIED_ROWS };
      const { through, firstBroken, complete, ...found } = await verifyAuditLog(context.get("deps"), tenantId, range);
      return context.json({
        ...found,
        complete,
        next: complete || firstBroken ? null : through,
        ...(firstBroken && { firstBroken: { ...firstBroken, detail: CHAIN_FAULTS[firstBroken.fault] } }),
      });
    },
  }),
];
