import { exports } from "cloudflare:workers";
import { vi } from "vitest";
import { ORIGIN, readAnswer, type ApiAnswer } from "../../support/workers/api.ts";

export interface Frame {
  readonly kind: string;
  readonly sequence?: number;
  readonly after?: number;
  readonly before?: number;
  readonly event?: { readonly sequence: number; readonly type: string; readonly pluginId: string | null };
}

/** One who listens to the event stream, and keeps what it hears. */
export class TestListener {
  readonly frames: Frame[] = [];
  readonly texts: string[] = [];
  closed: { readonly code: number; readonly reason: string } | undefined;
  readonly #socket: WebSocket;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      const text = String(data);
      if (text.startsWith("{"))
        this.frames.push(JSON.parse(text) as Frame); // checked by each test
      else this.texts.push(text);
    });
    socket.addEventListener("close", ({ code, reason }) => {
      this.closed = { code, reason };
    });
    socket.accept();
  }

  get sequences(): number[] {
    return this.frames.flatMap(({ event }) => (event ? [event.sequence] : []));
  }

  send(text: string): void {
    this.#socket.send(text);
  }

  close(): void {
    this.#socket.close(1000);
  }

  /** Resolves once the last event heard is this one. */
  async reach(sequence: number): Promise<void> {
    await vi.waitFor(
      () => {
        if (this.sequences.at(-1) !== sequence) {
          throw new Error(`heard ${this.sequences.length} events up to ${this.sequences.at(-1)}, not ${sequence}`);
        }
      },
      { timeout: 10_000 },
    );
  }
}

/** Asks for the stream as a client does. */
export async function ask(query: string, token?: string, upgrade = "websocket"): Promise<Response> {
  const headers = new Headers(token === undefined ? {} : { authorization: `Bearer ${token}` });
  if (upgrade !== "") headers.set("upgrade", upgrade);
  return exports.default.fetch(new Request(`${ORIGIN}/api/plugins/events/stream${query}`, { headers }));
}

export async function listen(query: string, token?: string): Promise<TestListener> {
  const response = await ask(query, token);
  if (!response.webSocket) throw new Error(`${response.status}: ${await response.text()}`);
  return new TestListener(response.webSocket);
}

/** What a client is told that gets no socket. */
export async function refused(query: string, token?: string, upgrade?: string): Promise<ApiAnswer> {
  return readAnswer(await ask(query, token, upgrade));
}
