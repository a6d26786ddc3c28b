import * as v from "valibot";
import { ULID_PATTERN } from "../../../sdk/contract/identifiers.ts";
import { Html, html, htmlPage } from "../../lib/html.ts";
import { decodeCursor, pageOf, pageQuery, toPage } from "../../http/page.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import { DeliveryAnswer, DeliveryFilter, describeDelivery } from "../webhooks/schema.ts";
import {
  addAddress,
  confirmAddress,
  listAddresses,
  listMailed,
  readLink,
  redriveMail,
  removeAddress,
} from "./actions/emails.ts";
import type { AlertEmail } from "./alert-record.ts";

const EmailParams = v.object({ email: v.pipe(v.string(), v.regex(ULID_PATTERN, "must be an id")) });
const EmailBody = v.strictObject({
  address: v.pipe(v.string(), v.maxLength(254, "must be at most 254 characters"), v.description("`local@domain`")),
});
const LinkQuery = v.object({ token: v.pipe(v.string(), v.maxLength(128), v.description("From the mail's link")) });
const Position = v.tuple([v.pipe(v.string(), v.regex(ULID_PATTERN))]);

const time = v.pipe(v.number(), v.integer(), v.description("Milliseconds since the epoch"));
const EmailAnswer = v.object({
  id: v.string(),
  address: v.string(),
  confirmedAt: v.pipe(v.nullable(v.number()), v.description("Null: nothing is sent to it but the confirmation")),
  createdBy: v.string(),
  createdAt: time,
});
const EmailsAnswer = v.object({ items: v.array(EmailAnswer) });

const HTML = "text/html; charset=utf-8";
/** The pages of a link: no script, no style, and a form that may only come back here. */
const PAGE_HEADERS = {
  "content-type": HTML,
  "content-security-policy": "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
};

const operated = { mount: "plugins", tag: "Alerts", permission: "plugins:operate" } as const;
const linked = {
  mount: "plugins",
  tag: "Alerts",
  permission: "public",
  path: "/alerts/emails/confirm",
  query: LinkQuery,
  errors: ["EMAIL_LINK_INVALID"],
} as const;

export const alertEmailRoutes: readonly Route[] = [
  defineRoute({
    ...operated,
    method: "get",
    path: "/alerts/emails",
    operationId: "listAlertEmails",
    summary: "Addresses for alerts",
    answers: { 200: { description: "Every address", schema: EmailsAnswer } },
    errors: [],
    handler: async (context) => {
      const items = await listAddresses(context.get("deps"), context.get("actor"));
      return context.json({ items: items.map(describeEmail) });
    },
  }),
  defineRoute({
    ...operated,
    method: "post",
    path: "/alerts/emails",
    operationId: "addAlertEmail",
    summary: "Ask an address whether it takes alerts",
    body: EmailBody,
    answers: { 202: { description: "The link is on its way", schema: EmailAnswer } },
    errors: ["EMAIL_NOT_CONFIGURED", "EMAIL_REFUSED", "ALREADY_EXISTS", "QUOTA_EXCEEDED"],
    handler: async (context, { body }) => {
      const { origin } = new URL(context.req.url);
      const email = await addAddress(context.get("deps"), context.get("actor"), body.address, origin);
      return context.json(describeEmail(email), 202);
    },
  }),
  defineRoute({
    ...operated,
    method: "delete",
    path: "/alerts/emails/:email",
    params: EmailParams,
    operationId: "deleteAlertEmail",
    summary: "Send nothing more to an address",
    answers: { 204: { description: "It is gone, and what was on its way to it is dropped" } },
    errors: ["EMAIL_NOT_FOUND"],
    handler: async (context, { params }) => {
      await removeAddress(context.get("deps"), context.get("actor"), params.email);
      return context.body(null, 204);
    },
  }),
  defineRoute({
    ...operated,
    method: "get",
    path: "/alerts/emails/:email/deliveries",
    params: EmailParams,
    operationId: "listAlertEmailDeliveries",
    summary: "What was mailed to an address and what came of it, newest first",
    query: v.object({ ...pageQuery, ...DeliveryFilter.entries }),
    answers: { 200: { description: "A page of deliveries", schema: pageOf(DeliveryAnswer) } },
    errors: ["EMAIL_NOT_FOUND"],
    handler: async (context, { params, query }) => {
      const { limit, cursor, ...filter } = query;
      const page = { limit, before: decodeCursor(cursor, Position)?.[0] };
      const rows = await listMailed(context.get("deps"), context.get("actor"), params.email, filter, page);
      return context.json(toPage(rows.map(describeDelivery), limit, (row) => [row.id]));
    },
  }),
  defineRoute({
    ...operated,
    method: "post",
    path: "/alerts/emails/:email/deliveries/:delivery/redrive",
    params: v.object({ ...EmailParams.entries, delivery: v.pipe(v.string(), v.regex(ULID_PATTERN, "must be an id")) }),
    operationId: "redriveAlertEmail",
    summary: "Mail an alert again that was given up",
    answers: { 202: { description: "It is on its way, with all its attempts before it", schema: DeliveryAnswer } },
    errors: ["EMAIL_NOT_FOUND", "DELIVERY_NOT_FOUND", "STATE_CONFLICT"],
    handler: async (context, { params: { email, delivery } }) => {
      const redriven = await redriveMail(context.get("deps"), context.get("actor"), email, delivery);
      return context.json(describeDelivery(redriven), 202);
    },
  }),
  defineRoute({
    ...linked,
    method: "get",
    operationId: "showAlertEmailLink",
    summary: "The page of a link that confirms an address",
    answers: { 200: { description: "A page with a button", contentType: HTML } },
    handler: async (context, { query }) => {
      const { address, tenantId } = await readLink(context.get("deps"), query.token);
      const form = html`<h1>Alerts of Patchbay</h1>
        <p>Shall alerts of the tenant ${tenantId} be sent to ${address}?</p>
        <form method="post" action="?token=${query.token}"><button>Confirm</button></form>`;
      return context.body(htmlPage("Confirm an address for alerts", NO_HEAD, form), 200, PAGE_HEADERS);
    },
  }),
  defineRoute({
    ...linked,
    method: "post",
    operationId: "confirmAlertEmail",
    summary: "Confirm an address",
    answers: { 200: { description: "A page that says so", contentType: HTML } },
    handler: async (context, { query }) => {
      const { address, tenantId } = await confirmAddress(context.get("deps"), query.token);
      const done = html`<h1>Confirmed</h1>
        <p>Alerts of the tenant ${tenantId} will be sent to ${address} where a rule says so.</p>`;
      return context.body(htmlPage("The address is confirmed", NO_HEAD, done), 200, PAGE_HEADERS);
    },
  }),
];

const NO_HEAD = new Html("");

function describeEmail({
  id,
  address,
  confirmedAt,
  createdBy,
  createdAt,
}: AlertEmail): v.InferInput<typeof EmailAnswer> {
  return { id, address, confirmedAt, createdBy, createdAt };
}
