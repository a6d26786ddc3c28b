import { DurableObject } from "cloudflare:workers";
import {
  ANSWER_BYTES,
  CHUNK_BYTES,
  chunkOffsets,
  decideClaim,
  KEY_RETENTION_MS,
  LEASE_MS,
  type ClaimDecision,
  type ClaimRequest,
  type KeptAnswer,
  type KnownCall,
} from "./rules.ts";

export interface Claim {
  readonly decision: Exclude<ClaimDecision, "wait">;
  /** Present where the decision is `answer`. */
  readonly answer: KeptAnswer | undefined;
}

/** One idempotency key of one tenant: who runs its call, and how that was answered. Empties itself after a day. */
export class IdempotencyKey extends DurableObject {
  /** Claims that wait for the running call to end. */
  readonly #waiting = new Set<() => void>();

  /** Answers once it is decided who runs the call: at once, or when the running call ends or its lease does. */
  async claim(request: ClaimRequest): Promise<Claim> {
    for (;;) {
      const now = Date.now();
      const known = this.#known();
      const decision = decideClaim(known, request, now);
      if (decision === "wait" && known) await this.#nextChange(known.startedAt + LEASE_MS - now);
      else if (decision !== "wait") {
        if (decision === "run") await this.#start(request, known, now);
        return { decision, answer: decision === "answer" ? this.#answer() : undefined };
      }
    }
  }

  /** Keeps the answer. Ignored where the token is not that of the call known, so that it can be repeated. */
  complete(token: string, answer: KeptAnswer): void {
    if (this.#known()?.token !== token) return;
    this.ctx.storage.transactionSync(() => {
      const { sql } = this.ctx.storage;
      sql.exec("DELETE FROM chunks");
      const kept = answer.body.byteLength <= ANSWER_BYTES;
      sql.exec(
        "UPDATE calls SET state = ?, status = ?, headers = ?",
        kept ? "answered" : "unkept",
        answer.status,
        JSON.stringify(answer.headers),
      );
      for (const offset of kept ? chunkOffsets(answer.body.byteLength) : []) {
        sql.exec("INSERT INTO chunks VALUES (?, ?)", offset, answer.body.slice(offset, offset + CHUNK_BYTES).buffer);
      }
    });
    this.#wake();
  }

  /** Forgets a call that must not count, so that the next one runs. */
  release(token: string): void {
    const known = this.#known();
    if (known?.token !== token || known.state !== "running") return;
    this.ctx.storage.sql.exec("DELETE FROM calls");
    this.#wake();
  }

  override async alarm(): Promise<void> {
    const known = this.#known();
    const expiresAt = (known?.startedAt ?? 0) + KEY_RETENTION_MS;
    if (expiresAt > Date.now()) await this.ctx.storage.setAlarm(expiresAt);
    else await this.ctx.storage.deleteAll();
  }

  async #start(request: ClaimRequest, known: KnownCall | undefined, now: number): Promise<void> {
    if (known?.token === request.token) return;
    const { sql } = this.ctx.storage;
    sql.exec("DELETE FROM chunks");
    sql.exec("DELETE FROM calls");
    sql.exec(
      "INSERT INTO calls (id, token, fingerprint, started_at, state) VALUES (1, ?, ?, ?, 'running')",
      request.token,
      request.fingerprint,
      now,
    );
    await this.ctx.storage.setAlarm(now + KEY_RETENTION_MS);
  }

  /** Makes the tables too: the alarm drops them while the object may live on. */
  #known(): KnownCall | undefined {
    const { sql } = this.ctx.storage;
    sql.exec(
      "CREATE TABLE IF NOT EXISTS calls (id INTEGER PRIMARY KEY CHECK (id = 1), token TEXT NOT NULL, " +
        "fingerprint TEXT NOT NULL, started_at INTEGER NOT NULL, state TEXT NOT NULL, status INTEGER, headers TEXT)",
    );
    sql.exec("CREATE TABLE IF NOT EXISTS chunks (byte_offset INTEGER PRIMARY KEY, bytes BLOB NOT NULL)");
    return sql
      .exec<{ token: string; fingerprint: string; startedAt: number; state: KnownCall["state"] }>(
        "SELECT token, fingerprint, started_at AS startedAt, state FROM calls",
      )
      .toArray()[0];
  }

  #answer(): KeptAnswer {
    const { sql } = this.ctx.storage;
    const { status, headers } = sql
      .exec<{ status: number; headers: string }>("SELECT status, headers FROM calls")
      .one();
    const chunks = sql.exec<{ bytes: ArrayBuffer }>("SELECT bytes FROM chunks ORDER BY byte_offset").toArray();
    const body = new Uint8Array(chunks.reduce((sum, { bytes }) => sum + bytes.byteLength, 0));
    let offset = 0;
    for (const { bytes } of chunks) {
      body.set(new Uint8Array(bytes), offset);
      offset += bytes.byteLength;
    }
    return { status, headers: JSON.parse(headers) as KeptAnswer["headers"], body }; // written by complete()
  }

  #nextChange(leaseMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, leaseMs);
      this.#waiting.add(done);
    });
  }

  #wake(): void {
    for (const done of this.#waiting) done();
  }
}
