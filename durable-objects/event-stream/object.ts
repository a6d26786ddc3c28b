import { DurableObject } from "cloudflare:workers";
import {
  acknowledge,
  acknowledged,
  advance,
  CLOSINGS,
  closingOf,
  resumeFrom,
  RING_EVENTS,
  STREAM_SOCKETS,
  TICKETS,
  type Listener,
  type StreamEvent,
} from "./rules.ts";

/** What a ticket stands for. */
export interface Ticket {
  readonly subject: string;
  readonly roles: readonly string[];
}

/**
 * The live stream of one tenant. It never asks for events: whoever records some hands them over, and one who finds the
 * object behind hands over what is missing first. Sleeps while nothing happens; its sockets stay open.
 */
export class EventStream extends DurableObject {
  #hasTables = false;

  constructor(state: DurableObjectState, env: Cloudflare.Env) {
    super(state, env);
    // Answered without waking the object.
    state.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
  }

  /** Number of the last event handed over, null where there is none; and how many listen. */
  position(): { readonly last: number | null; readonly listeners: number } {
    return { last: this.#range().last ?? null, listeners: this.ctx.getWebSockets().length };
  }

  /**
   * Takes over every event there is after a number, in order, and sends them on. What is known already is skipped.
   *
   * @param after  null: these are the newest, and nobody is to be told of what was before
   * @returns number of the last event now known; smaller than `after` where events in between are missing
   */
  append(after: number | null, events: readonly StreamEvent[]): number {
    const { last = 0 } = this.#range();
    const fresh = events.filter(({ sequence }) => sequence > last);
    if (fresh.length === 0 || (after !== null && after > last)) return last;
    const listeners = this.ctx.getWebSockets();
    if (after === null && listeners.length > 0 && last > 0) return last;
    this.ctx.storage.transactionSync(() => {
      if (after === null) this.#sql("DELETE FROM events");
      for (const { sequence, type, pluginId, json } of fresh) {
        this.#sql("INSERT INTO events VALUES (?, ?, ?, ?)", sequence, type, pluginId, json);
      }
      this.#sql("DELETE FROM events WHERE sequence <= (SELECT max(sequence) FROM events) - ?", RING_EVENTS);
    });
    for (const socket of listeners) this.#send(socket, fresh);
    return fresh.at(-1)?.sequence ?? last;
  }

  /** Keeps a ticket by the hash of its secret. @returns false where too many wait already */
  keepTicket(hash: string, { subject, roles }: Ticket, expiresAt: number): boolean {
    this.#sql("DELETE FROM tickets WHERE expires_at <= ?", Date.now());
    const waiting = Number(this.#sql("SELECT count(*) AS count FROM tickets")[0]?.["count"]);
    if (waiting >= TICKETS) return false;
    this.#sql("INSERT INTO tickets VALUES (?, ?, ?, ?)", hash, subject, JSON.stringify(roles), expiresAt);
    return true;
  }

  /** Uses a ticket up. @returns undefined where it is unknown, used or past its time */
  redeemTicket(hash: string): Ticket | undefined {
    const columns = "subject, roles, expires_at AS expiresAt";
    const [row] = this.#sql(`DELETE FROM tickets WHERE hash = ? RETURNING ${columns}`, hash);
    if (!row) return undefined;
    const { subject, roles, expiresAt } = row as { subject: string; roles: string; expiresAt: number }; // the columns
    return expiresAt > Date.now() ? { subject, roles: JSON.parse(roles) as string[] } : undefined; // written above
  }

  /** Opens a socket. The worker has checked who asks; the query says `after`, `type` and `plugin`. */
  override fetch(request: Request): Response {
    if (this.ctx.getWebSockets().length >= STREAM_SOCKETS) return new Response(null, { status: 429 });
    const query = new URL(request.url).searchParams;
    const { first, last = 0 } = this.#range();
    const given = query.get("after");
    const after = given === null ? undefined : Number(given);
    const { position, missed } = resumeFrom(after, first, last);
    const filter = { type: query.get("type") ?? undefined, pluginId: query.get("plugin") ?? undefined };
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server);
    // All of this happens at once: an event is either kept by now, and sent here, or comes later, and is sent then.
    server.serializeAttachment({ filter, position, unacknowledged: 0, openedAt: Date.now() } satisfies Listener);
    server.send(JSON.stringify({ kind: "ready", sequence: last }));
    if (missed) server.send(JSON.stringify({ kind: "resync", after, before: first }));
    this.#send(server, this.#after(position));
    return new Response(null, { status: 101, webSocket: client });
  }

  /** Events that are kept and tickets that wait, for a copy of all that the tenant has. */
  exportState(): {
    readonly events: readonly StreamEvent[];
    readonly tickets: readonly Readonly<Record<string, SqlStorageValue>>[];
  } {
    return { events: this.#after(0), tickets: this.#sql("SELECT subject, roles, expires_at FROM tickets") };
  }

  /** Leaves nothing, no tables either, and nobody listening. */
  async destroy(): Promise<void> {
    for (const socket of this.ctx.getWebSockets()) socket.close(...CLOSINGS.gone);
    await this.ctx.storage.deleteAll();
    this.#hasTables = false;
  }

  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): void {
    const sequence = acknowledged(message);
    if (sequence === undefined) socket.close(...CLOSINGS.unknownMessage);
    else socket.serializeAttachment(acknowledge(listenerOf(socket), sequence));
  }

  override webSocketError(socket: WebSocket): void {
    socket.close(1011);
  }

  #send(socket: WebSocket, events: readonly StreamEvent[]): void {
    const { send, listener } = advance(listenerOf(socket), events);
    socket.serializeAttachment(listener);
    const closing = closingOf(listener, Date.now());
    if (closing) return socket.close(...closing);
    for (const { json } of send) socket.send(`{"kind":"event","event":${json}}`);
  }

  #range(): { readonly first?: number; readonly last?: number } {
    const [row] = this.#sql("SELECT min(sequence) AS first, max(sequence) AS last FROM events");
    return typeof row?.["last"] === "number" ? { first: Number(row["first"]), last: row["last"] } : {};
  }

  #after(sequence: number): StreamEvent[] {
    const columns = "sequence, type, plugin_id AS pluginId, json";
    const rows = this.#sql(`SELECT ${columns} FROM events WHERE sequence > ? ORDER BY sequence`, sequence);
    return rows as unknown as StreamEvent[]; // columns of the table
  }

  /** Makes the tables where there are none, which is also after `destroy`. */
  #sql(statement: string, ...values: (string | number | null)[]): Record<string, SqlStorageValue>[] {
    if (!this.#hasTables) {
      this.ctx.storage.sql.exec(
        "CREATE TABLE IF NOT EXISTS events (sequence INTEGER PRIMARY KEY, type TEXT NOT NULL, plugin_id TEXT, json TEXT NOT NULL)",
      );
      this.ctx.storage.sql.exec(
        "CREATE TABLE IF NOT EXISTS tickets (hash TEXT PRIMARY KEY, subject TEXT NOT NULL, roles TEXT NOT NULL, expires_at INTEGER NOT NULL) WITHOUT ROWID",
      );
      this.#hasTables = true;
    }
    return this.ctx.storage.sql.exec(statement, ...values).toArray();
  }
}

function listenerOf(socket: WebSocket): Listener {
  return socket.deserializeAttachment() as Listener; // written when the socket was opened
}
