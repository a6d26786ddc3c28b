import { defineRoute, type Route } from "../../http/route.ts";
import { issueTicket, openStream, redeemTicket } from "./actions/stream.ts";
import { StreamQuerySchema, TicketAnswer } from "./schema.ts";

export const streamRoutes: readonly Route[] = [
  defineRoute({
    method: "get",
    mount: "plugins",
    path: "/events/stream",
    operationId: "streamEvents",
    summary: "The tenant's events as they happen, over a WebSocket",
    tag: "Events",
    permission: "plugins:read",
    query: StreamQuerySchema,
    answers: { 101: { description: "The connection is a WebSocket now" } },
    errors: ["UPGRADE_REQUIRED", "STREAM_FULL", "STREAM_UNAVAILABLE"],
    identify: async (context) => {
      const ticket = context.req.query("ticket");
      return ticket === undefined ? undefined : redeemTicket(context.get("deps"), ticket);
    },
    handler: (context, { query }) =>
      openStream(context.get("deps"), context.get("actor"), query, context.req.header("upgrade")),
  }),
  defineRoute({
    method: "post",
    mount: "plugins",
    path: "/events/stream/tickets",
    operationId: "createStreamTicket",
    summary: "A ticket that opens the event stream once, within 30 seconds",
    tag: "Events",
    permission: "plugins:read",
    needsNoDatabase: true,
    answers: { 201: { description: "The ticket; it stands for who asked for it", schema: TicketAnswer } },
    errors: ["STREAM_FULL", "STREAM_UNAVAILABLE"],
    handler: async (context) => context.json(await issueTicket(context.get("deps"), context.get("actor")), 201),
  }),
];
