import * as v from "valibot";
import { ULID_PATTERN } from "../../../sdk/contract/identifiers.ts";
import { decodeCursor, pageOf, pageQuery, toPage } from "../../http/page.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import { PluginParams } from "../installs/schema.ts";
import { decideOnFinding, readFinding, readRun, readStatus } from "./actions/findings.ts";
import { auditAll, auditOne } from "./actions/start.ts";
import { listFindings } from "./finding-store.ts";
import {
  AuditAllBody,
  AuditParams,
  FindingAnswer,
  FindingFilter,
  FindingParams,
  ReasonBody,
  RunAnswer,
  showFinding,
  showRun,
  StatusAnswer,
} from "./schema.ts";
import { listRuns } from "./store.ts";

const Position = v.tuple([v.pipe(v.string(), v.regex(ULID_PATTERN))]);
const read = { method: "get", mount: "plugins", tag: "Audits", permission: "plugins:read" } as const;
const operated = { method: "post", mount: "plugins", tag: "Audits", permission: "plugins:operate" } as const;
const decided = {
  ...operated,
  params: FindingParams,
  body: ReasonBody,
  answers: { 200: { description: "The finding", schema: FindingAnswer } },
  errors: ["FINDING_NOT_FOUND", "STATE_CONFLICT"],
} as const;

export const selfDebugRoutes: readonly Route[] = [
  defineRoute({
    ...operated,
    path: "/self-debug/audit/:id",
    operationId: "auditPlugin",
    summary: "Audit one plugin, now",
    params: PluginParams,
    answers: { 200: { description: "The audit, finished; its findings are listed by `audit`", schema: RunAnswer } },
    errors: ["INSTALL_NOT_FOUND"],
    handler: async (context, { params }) =>
      context.json(showRun(await auditOne(context.get("deps"), context.get("actor"), params.id))),
  }),
  defineRoute({
    ...operated,
    path: "/self-debug/audit-all",
    operationId: "auditAllPlugins",
    summary: "Audit every plugin",
    body: AuditAllBody,
    answers: { 202: { description: "The audit, under way", schema: RunAnswer } },
    errors: [],
    handler: async (context, { body }) => {
      const run = showRun(await auditAll(context.get("deps"), context.get("actor"), body.scope));
      context.header("location", run.statusUrl);
      return context.json(run, 202);
    },
  }),
  defineRoute({
    ...read,
    path: "/self-debug/audits",
    operationId: "listAudits",
    summary: "Audits, newest first",
    query: v.object(pageQuery),
    answers: { 200: { description: "A page of audits", schema: pageOf(RunAnswer) } },
    errors: [],
    handler: async (context, { query }) => {
      const page = { limit: query.limit + 1, before: decodeCursor(query.cursor, Position)?.[0] };
      const runs = await listRuns(context.get("deps").db, context.get("actor").tenantId, page);
      return context.json(toPage(runs.map(showRun), query.limit, ({ id }) => [id]));
    },
  }),
  defineRoute({
    ...read,
    path: "/self-debug/audits/:audit",
    operationId: "getAudit",
    summary: "How far an audit is, and what it found",
    params: AuditParams,
    answers: { 200: { description: "The audit", schema: RunAnswer } },
    errors: ["AUDIT_NOT_FOUND"],
    handler: async (context, { params }) =>
      context.json(showRun(await readRun(context.get("deps"), context.get("actor"), params.audit))),
  }),
  defineRoute({
    ...read,
    path: "/self-debug/findings",
    operationId: "listFindings",
    summary: "What audits found, newest first",
    query: v.object({ ...pageQuery, ...FindingFilter.entries }),
    answers: { 200: { description: "A page of findings", schema: pageOf(FindingAnswer) } },
    errors: [],
    handler: async (context, { query }) => {
      const { limit, cursor, ...filter } = query;
      const page = { limit: limit + 1, before: decodeCursor(cursor, Position)?.[0] };
      const rows = await listFindings(context.get("deps").db, context.get("actor").tenantId, filter, page);
      return context.json(toPage(rows.map(showFinding), limit, ({ id }) => [id]));
    },
  }),
  defineRoute({
    ...read,
    path: "/self-debug/findings/:finding",
    operationId: "getFinding",
    summary: "One finding with its history",
    params: FindingParams,
    answers: { 200: { description: "The finding", schema: FindingAnswer } },
    errors: ["FINDING_NOT_FOUND"],
    handler: async (context, { params }) =>
      context.json(showFinding(await readFinding(context.get("deps"), context.get("actor"), params.finding))),
  }),
  defineRoute({
    ...decided,
    path: "/self-debug/findings/:finding/acknowledge",
    operationId: "acknowledgeFinding",
    summary: "Acknowledge an open finding, saying why",
    handler: async (context, { params, body }) => {
      const [deps, actor] = [context.get("deps"), context.get("actor")];
      return context.json(showFinding(await decideOnFinding(deps, actor, params.finding, "acknowledge", body.reason)));
    },
  }),
  defineRoute({
    ...decided,
    path: "/self-debug/findings/:finding/reopen",
    operationId: "reopenFinding",
    summary: "Open an acknowledged finding again",
    handler: async (context, { params, body }) => {
      const [deps, actor] = [context.get("deps"), context.get("actor")];
      return context.json(showFinding(await decideOnFinding(deps, actor, params.finding, "reopen", body.reason)));
    },
  }),
  defineRoute({
    ...read,
    path: "/self-debug/status",
    operationId: "getSelfDebugStatus",
    summary: "Open findings by severity, the last audit and the next",
    answers: { 200: { description: "The status", schema: StatusAnswer } },
    errors: [],
    handler: async (context) => context.json(await readStatus(context.get("deps"), context.get("actor"))),
  }),
];
