import * as v from "valibot";
import { ULID_PATTERN } from "../../../sdk/contract/identifiers.ts";
import { decodeCursor, pageOf, pageQuery, toPage } from "../../http/page.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import type { Silence } from "./alert-record.ts";
import {
  acknowledgeAlert,
  createRule,
  createSilence,
  currentSilences,
  listRules,
  readAlert,
  readRule,
  removeRule,
  removeSilence,
  replaceRule,
} from "./actions/manage.ts";
import { testRule } from "./actions/test.ts";
import {
  AcknowledgeBody,
  AlertAnswer,
  AlertFilterSchema,
  AlertParams,
  describeAlert,
  describeRule,
  RuleAnswer,
  RuleBody,
  RuleParams,
  RulesAnswer,
  SilenceAnswer,
  SilenceBody,
  SilenceParams,
  SilencesAnswer,
  TestResultAnswer,
} from "./schema.ts";
import { listAlerts } from "./store.ts";

const Position = v.tuple([v.pipe(v.string(), v.regex(ULID_PATTERN))]);
const read = { mount: "plugins", tag: "Alerts", permission: "plugins:read" } as const;
const operated = { ...read, permission: "plugins:operate" } as const;
const oneRule = { path: "/alerts/rules/:rule", params: RuleParams } as const;
const oneAlert = { path: "/alerts/:alert", params: AlertParams } as const;

export const alertRoutes: readonly Route[] = [
  defineRoute({
    ...read,
    method: "get",
    path: "/alerts/rules",
    operationId: "listAlertRules",
    summary: "What the tenant is alerted of",
    answers: { 200: { description: "The built-in rules as the tenant has them, then its own", schema: RulesAnswer } },
    errors: [],
    handler: async (context) => {
      const items = await listRules(context.get("deps"), context.get("actor"));
      return context.json({ items: items.map(describeRule) });
    },
  }),
  defineRoute({
    ...operated,
    method: "post",
    path: "/alerts/rules",
    operationId: "createAlertRule",
    summary: "Be alerted of events, of their absence, or of a figure of executions",
    body: RuleBody,
    answers: { 201: { description: "The rule", schema: RuleAnswer } },
    errors: ["QUOTA_EXCEEDED", "EMAIL_NOT_CONFIGURED"],
    handler: async (context, { body }) =>
      context.json(describeRule(await createRule(context.get("deps"), context.get("actor"), body)), 201),
  }),
  defineRoute({
    ...read,
    ...oneRule,
    method: "get",
    operationId: "getAlertRule",
    summary: "One rule",
    answers: { 200: { description: "The rule", schema: RuleAnswer } },
    errors: ["ALERT_RULE_NOT_FOUND"],
    handler: async (context, { params }) =>
      context.json(describeRule(await readRule(context.get("deps"), context.get("actor"), params.rule))),
  }),
  defineRoute({
    ...operated,
    ...oneRule,
    method: "put",
    operationId: "replaceAlertRule",
    summary: "Replace a rule, or switch it off; alerts that it has open then end",
    body: RuleBody,
    answers: { 200: { description: "The rule after the change", schema: RuleAnswer } },
    errors: ["ALERT_RULE_NOT_FOUND", "QUOTA_EXCEEDED", "EMAIL_NOT_CONFIGURED"],
    handler: async (context, { params, body }) =>
      context.json(describeRule(await replaceRule(context.get("deps"), context.get("actor"), params.rule, body))),
  }),
  defineRoute({
    ...operated,
    ...oneRule,
    method: "delete",
    operationId: "deleteAlertRule",
    summary: "Delete a rule; a built-in one is as it came again",
    answers: { 204: { description: "It is gone, and the alerts that it had open have ended" } },
    errors: ["ALERT_RULE_NOT_FOUND", "STATE_CONFLICT"],
    handler: async (context, { params }) => {
      await removeRule(context.get("deps"), context.get("actor"), params.rule);
      return context.body(null, 204);
    },
  }),
  defineRoute({
    ...operated,
    ...oneRule,
    path: "/alerts/rules/:rule/test",
    method: "post",
    operationId: "testAlertRule",
    summary: "Send a test over the rule's channels and say what came of it",
    answers: { 200: { description: "What each channel did", schema: TestResultAnswer } },
    errors: ["ALERT_RULE_NOT_FOUND", "CONFIG_KEY_UNKNOWN", "CONFIG_UNREADABLE"],
    handler: async (context, { params }) =>
      context.json({ channels: await testRule(context.get("deps"), context.get("actor"), params.rule) }),
  }),
  defineRoute({
    ...read,
    method: "get",
    path: "/alerts",
    operationId: "listAlerts",
    summary: "Alerts, newest first",
    query: v.object({ ...pageQuery, ...AlertFilterSchema.entries }),
    answers: { 200: { description: "A page of alerts", schema: pageOf(AlertAnswer) } },
    errors: [],
    handler: async (context, { query }) => {
      const { limit, cursor, ...filter } = query;
      const page = { limit: limit + 1, before: decodeCursor(cursor, Position)?.[0] };
      const rows = await listAlerts(context.get("deps").db, context.get("actor").tenantId, filter, page);
      return context.json(toPage(rows.map(describeAlert), limit, (row) => [row.id]));
    },
  }),
  defineRoute({
    ...read,
    ...oneAlert,
    method: "get",
    operationId: "getAlert",
    summary: "One alert",
    answers: { 200: { description: "The alert", schema: AlertAnswer } },
    errors: ["ALERT_NOT_FOUND"],
    handler: async (context, { params }) =>
      context.json(describeAlert(await readAlert(context.get("deps"), context.get("actor"), params.alert))),
  }),
  defineRoute({
    ...operated,
    ...oneAlert,
    path: "/alerts/:alert/acknowledge",
    method: "post",
    operationId: "acknowledgeAlert",
    summary: "Say that you look after an alert, so that nobody is reminded of it",
    body: AcknowledgeBody,
    answers: { 200: { description: "The alert", schema: AlertAnswer } },
    errors: ["ALERT_NOT_FOUND", "STATE_CONFLICT"],
    handler: async (context, { params, body }) => {
      const deps = context.get("deps");
      return context.json(describeAlert(await acknowledgeAlert(deps, context.get("actor"), params.alert, body.note)));
    },
  }),
  ...silenceRoutes(),
];

function silenceRoutes(): readonly Route[] {
  return [
    defineRoute({
      ...read,
      method: "get",
      path: "/alerts/silences",
      operationId: "listAlertSilences",
      summary: "Silences that are not over",
      answers: { 200: { description: "Those that begin first come first", schema: SilencesAnswer } },
      errors: [],
      handler: async (context) => {
        const items = await currentSilences(context.get("deps"), context.get("actor"));
        return context.json({ items: items.map(describeSilence) });
      },
    }),
    defineRoute({
      ...operated,
      method: "post",
      path: "/alerts/silences",
      operationId: "createAlertSilence",
      summary: "Tell nobody of some alerts for a time; they are recorded all the same",
      body: SilenceBody,
      answers: { 201: { description: "The silence", schema: SilenceAnswer } },
      errors: ["QUOTA_EXCEEDED", "ALERT_RULE_NOT_FOUND"],
      handler: async (context, { body }) =>
        context.json(describeSilence(await createSilence(context.get("deps"), context.get("actor"), body)), 201),
    }),
    defineRoute({
      ...operated,
      method: "delete",
      path: "/alerts/silences/:silence",
      params: SilenceParams,
      operationId: "endAlertSilence",
      summary: "End a silence before its time",
      answers: { 204: { description: "It is over" } },
      errors: ["SILENCE_NOT_FOUND"],
      handler: async (context, { params }) => {
        await removeSilence(context.get("deps"), context.get("actor"), params.silence);
        return context.body(null, 204);
      },
    }),
  ];
}

function describeSilence({ tenantId: _own, ...shown }: Silence): v.InferInput<typeof SilenceAnswer> {
  return shown;
}
