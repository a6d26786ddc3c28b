import { DurableObject } from "cloudflare:workers";

/** The baseline of the capabilities: what a worker without plugins would write for the same effect. */

interface PlainEnv {
  readonly VALUES: DurableObjectNamespace<Values>;
  readonly MESSAGES: Queue;
}

export class Values extends DurableObject<PlainEnv> {
  readonly #sql: SqlStorage;

  constructor(state: DurableObjectState, env: PlainEnv) {
    super(state, env);
    this.#sql = state.storage.sql;
    this.#sql.exec("CREATE TABLE IF NOT EXISTS entries (key TEXT PRIMARY KEY, value BLOB NOT NULL)");
    this.#sql.exec("INSERT OR REPLACE INTO entries VALUES ('bench', ?)", new Uint8Array(64));
  }

  get(key: string): ArrayBuffer | undefined {
    return this.#sql.exec<{ value: ArrayBuffer }>("SELECT value FROM entries WHERE key = ?", key).toArray()[0]?.value;
  }
}

const CALLS: Readonly<Record<string, (env: PlainEnv, request: string) => Promise<unknown>>> = {
  storage_get: (env) => env.VALUES.get(env.VALUES.idFromName("bench")).get("bench"),
  http_send: async (_env, url) => await (await fetch(url)).arrayBuffer(),
  events_publish: async (env, topic) => await env.MESSAGES.sendBatch([{ body: { topic, data: { of: "bench" } } }]),
};

// The runtime finds a worker's handlers in its default export.
// oxlint-disable-next-line import/no-default-export
export default {
  /** `POST /?call=storage_get&count=10`, with the call's URL or topic as the body. */
  async fetch(request: Request, env: PlainEnv): Promise<Response> {
    const { searchParams } = new URL(request.url);
    const call = CALLS[searchParams.get("call") ?? ""];
    const argument = await request.text();
    for (let left = Number(searchParams.get("count")); left > 0; left--) await call?.(env, argument);
    return new Response(call ? "done" : "no such call");
  },
  queue: (batch) => batch.ackAll(),
} satisfies ExportedHandler<PlainEnv>;
