import { streamOf } from "../../../../durable-objects/event-stream/client.ts";
import { RING_EVENTS, TICKET_MS, TICKETS, type StreamEvent } from "../../../../durable-objects/event-stream/rules.ts";
import { PlatformError } from "../../../../sdk/contract/errors.ts";
import { isRole } from "../../../../sdk/contract/roles.ts";
import type { Deps } from "../../../deps.ts";
import type { Actor } from "../../../lib/actor.ts";
import { sha256Hex, toHex } from "../../../lib/hex.ts";
import type { PluginEvent } from "../rules.ts";
import { describeEvent, type StreamQuery } from "../schema.ts";
import { listEvents } from "../store.ts";
import { parseTicket, ticketText } from "../ticket-rules.ts";

export type StreamDeps = Pick<Deps, "db"> & { readonly env: Pick<Env, "EVENT_STREAM"> };

/** Events handed over at once; an RPC message may have 32 MiB. */
const PAGE = 500;
/** Pages in one go; whoever comes next goes on. */
const PAGES = 20;
const SECRET_BYTES = 32;

/**
 * Hands the tenant's stream every event it does not know. Whatever was lost before, the push of an event or the object
 * itself, is made up for here, because the log has no gaps.
 *
 * @param whether  `listened`: only where somebody listens
 */
export async function feedStream(deps: StreamDeps, tenantId: string, whether: "always" | "listened"): Promise<void> {
  const stream = streamOf(deps.env.EVENT_STREAM, tenantId);
  const { last, listeners } = await stream.position();
  if (whether === "listened" && listeners === 0) return;
  let known = last === null || listeners === 0 ? await startAnew(deps, tenantId, last ?? 0) : last;
  for (let page = 0; page < PAGES; page++) {
    const query = { limit: PAGE, order: "oldest" } as const;
    const events = await listEvents(deps.db, tenantId, { after: known }, query);
    if (events.length === 0) return;
    known = await stream.append(known, events.map(streamEvent));
    if (events.length < PAGE) return;
  }
}

/** A stream that nobody listens to and that is far behind begins again with the newest events. */
async function startAnew(deps: StreamDeps, tenantId: string, last: number): Promise<number> {
  const newest = await listEvents(deps.db, tenantId, {}, { limit: RING_EVENTS, order: "newest" });
  const events = newest.reverse();
  const [first] = events;
  if (!first || first.sequence <= last + 1) return last;
  return streamOf(deps.env.EVENT_STREAM, tenantId).append(null, events.map(streamEvent));
}

function streamEvent(event: PluginEvent): StreamEvent {
  const { sequence, type, pluginId } = event;
  return { sequence, type, pluginId, json: JSON.stringify(describeEvent(event)) };
}

/**
 * Opens a socket on the tenant's stream.
 *
 * @throws {PlatformError} UPGRADE_REQUIRED, STREAM_FULL; STREAM_UNAVAILABLE where the stream's object does not answer
 */
export async function openStream(
  deps: StreamDeps,
  actor: Actor,
  query: StreamQuery,
  upgrade: string | undefined,
): Promise<Response> {
  if (upgrade?.toLowerCase() !== "websocket") {
    throw new PlatformError(
      "UPGRADE_REQUIRED",
      "The event stream is a WebSocket; ask for it with `Upgrade: websocket`.",
    );
  }
  const url = new URL("https://stream/");
  for (const name of ["after", "type", "plugin"] as const) {
    const value = query[name];
    if (value !== undefined) url.searchParams.set(name, String(value));
  }
  const response = await answered(async () => {
    await feedStream(deps, actor.tenantId, "always");
    return streamOf(deps.env.EVENT_STREAM, actor.tenantId).fetch(url, { headers: { upgrade: "websocket" } });
  });
  if (response.webSocket) return new Response(null, { status: 101, webSocket: response.webSocket });
  throw new PlatformError("STREAM_FULL", "The tenant has as many open streams as it may have; close one.");
}

/**
 * A ticket that opens the stream once, for browsers, which cannot send a header with a WebSocket.
 *
 * @throws {PlatformError} STREAM_FULL where too many tickets wait; STREAM_UNAVAILABLE
 */
export async function issueTicket(
  deps: Pick<Deps, "clock" | "randomBytes"> & { readonly env: Pick<Env, "EVENT_STREAM"> },
  { tenantId, subject, roles }: Actor,
): Promise<{ readonly ticket: string; readonly expiresAt: number }> {
  const secret = toHex(deps.randomBytes(SECRET_BYTES));
  const expiresAt = deps.clock.now() + TICKET_MS;
  const hash = await sha256Hex(secret);
  const stream = streamOf(deps.env.EVENT_STREAM, tenantId);
  if (await answered(async () => await stream.keepTicket(hash, { subject, roles }, expiresAt))) {
    return { ticket: ticketText(tenantId, secret), expiresAt };
  }
  throw new PlatformError(
    "STREAM_FULL",
    `${TICKETS} tickets wait to be used; each is gone after ${TICKET_MS / 1000} s.`,
  );
}

/**
 * Who a ticket was given to. It is used up, whatever comes of it.
 *
 * @throws {PlatformError} TOKEN_INVALID; STREAM_UNAVAILABLE, SNAPSHOT_UNAVAILABLE
 */
export async function redeemTicket(
  deps: Pick<Deps, "snapshots"> & { readonly env: Pick<Env, "EVENT_STREAM"> },
  text: string,
): Promise<Actor> {
  const ticket = parseTicket(text);
  // Asked first: an object is made by being asked, and anybody may make up the name of a tenant.
  const snapshot = ticket && (await deps.snapshots.read(ticket.tenantId));
  if (ticket && snapshot?.status === "active") {
    const hash = await sha256Hex(ticket.secret);
    const stream = streamOf(deps.env.EVENT_STREAM, ticket.tenantId);
    const holder = await answered(async () => await stream.redeemTicket(hash));
    if (holder) return { tenantId: ticket.tenantId, subject: holder.subject, roles: holder.roles.filter(isRole) };
  }
  throw new PlatformError("TOKEN_INVALID", "The ticket is not valid, was used, or is past its time.");
}

async function answered<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new PlatformError("STREAM_UNAVAILABLE", "The tenant's event stream does not answer.", { cause });
  }
}
