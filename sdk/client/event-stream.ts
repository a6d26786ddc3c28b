import type { Client } from "./client.ts";
import { paginate } from "./pages.ts";
import { ConnectionError } from "./client-error.ts";

export type PlatformEvent = Awaited<ReturnType<Client["listEvents"]>>["items"][number];

export interface EventFilter {
  /** Events after this sequence; absent: from now on. */
  readonly after?: number;
  readonly type?: NonNullable<NonNullable<Parameters<Client["listEvents"]>[0]>["$type"]>;
  readonly plugin?: string;
  readonly signal?: AbortSignal;
  /** Instead of the global class. */
  readonly WebSocket?: typeof WebSocket;
  /** Connections in a row that may fail before the stream is given up. */
  readonly attempts?: number;
  readonly wait?: (milliseconds: number) => Promise<void>;
}

/** Frames of the stream, as docs/events.md has them. */
type Frame =
  | { readonly kind: "ready"; readonly sequence: number }
  | { readonly kind: "event"; readonly event: PlatformEvent }
  | { readonly kind: "resync"; readonly after: number; readonly before: number };

const ACKNOWLEDGE_EVERY = 100;
const DEFAULT_ATTEMPTS = 10;
const WAIT_MS = 500;
const LONGEST_WAIT_MS = 30_000;

/**
 * A tenant's events as they happen, in order and each once. Connects again where a connection ends, and reads from the history what
 * it missed.
 *
 * @throws {ConnectionError} where no connection can be made any more; {PatchbayError} where it is refused
 */
export async function* watchEvents(client: Client, filter: EventFilter = {}): AsyncGenerator<PlatformEvent, void> {
  const { attempts = DEFAULT_ATTEMPTS, wait = pause, signal } = filter;
  const isAborted = (): boolean => signal?.aborted === true;
  let { after } = filter; // sequence of the last event given
  for (let failed = 0; !isAborted();) {
    const frames = framesOf(await openSocket(client, filter, after), signal);
    for await (const frame of frames) {
      failed = 0;
      if (frame.kind === "ready") after ??= frame.sequence;
      else if (frame.kind === "event") {
        after = frame.event.sequence;
        yield frame.event;
      } else {
        for await (const event of missed(client, filter, frame)) {
          after = event.sequence;
          yield event;
        }
      }
    }
    if (isAborted()) return;
    if (++failed >= attempts) throw new ConnectionError(`The event stream ended ${failed} times in a row.`);
    await wait(Math.min(LONGEST_WAIT_MS, WAIT_MS * 2 ** (failed - 1)));
  }
}

async function openSocket(client: Client, filter: EventFilter, after: number | undefined): Promise<WebSocket> {
  const { ticket } = await client.createStreamTicket();
  const url = new URL("/api/plugins/events/stream", client.url);
  url.protocol = url.protocol.replace("http", "ws");
  url.searchParams.set("ticket", ticket);
  if (after !== undefined) url.searchParams.set("after", String(after));
  for (const name of ["type", "plugin"] as const) {
    if (filter[name] !== undefined) url.searchParams.set(name, filter[name]);
  }
  return new (filter.WebSocket ?? WebSocket)(url);
}

/** Ends when the socket does, however it does, and ends the socket when nobody listens any more. */
async function* framesOf(socket: WebSocket, signal: AbortSignal | undefined): AsyncGenerator<Frame, void> {
  const frames = new ReadableStream<Frame>({
    start(controller) {
      const ended = new AbortController();
      const end = (): void => {
        if (ended.signal.aborted) return;
        ended.abort();
        controller.close();
      };
      socket.addEventListener("message", ({ data }) => {
        if (!ended.signal.aborted) controller.enqueue(JSON.parse(String(data)) as Frame); // written by the platform
      });
      socket.addEventListener("close", end);
      socket.addEventListener("error", end);
      signal?.addEventListener("abort", end, { signal: ended.signal });
      if (socket.readyState === socket.CLOSED) end();
    },
  }).getReader();
  try {
    for (let unacknowledged = 0; ;) {
      const { done, value } = await frames.read();
      if (done) return;
      yield value;
      if (value.kind !== "event" || ++unacknowledged < ACKNOWLEDGE_EVERY) continue;
      unacknowledged = 0;
      if (socket.readyState === socket.OPEN) socket.send(`ack ${value.event.sequence}`);
    }
  } finally {
    socket.close();
  }
}

/** What was not sent for being too much: it is in the history. */
async function* missed(
  client: Client,
  { type, plugin }: EventFilter,
  { after, before }: { readonly after: number; readonly before: number },
): AsyncGenerator<PlatformEvent, void> {
  const query = { order: "oldest" as const, after, ...(type && { $type: type }), ...(plugin && { plugin }) };
  for await (const event of paginate(client.listEvents, query)) {
    if (event.sequence >= before) return;
    yield event;
  }
}

async function pause(milliseconds: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
}
