/** What an idempotency key means, given what is known of it. Times are milliseconds since the epoch. */

/** How long an answer is given again. */
export const KEY_RETENTION_MS = 24 * 3_600_000;
/** Longer than any call may take (30 s and its grace), so that a call still running after it is gone for good. */
export const LEASE_MS = 60_000;
/** Largest answer body that is kept. */
export const ANSWER_BYTES = 16 * 1024 * 1024;
/** A value of a Durable Object's database holds 2 MB at most. */
export const CHUNK_BYTES = 1024 * 1024;

/** An answer as it is kept. Header names in lower case; none of our answers has a header twice. */
export interface KeptAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** What the first call left. */
export interface KnownCall {
  /** Chosen by the caller's worker, so that a claim whose answer was lost on the way can be repeated. */
  readonly token: string;
  /** Digest of the request. */
  readonly fingerprint: string;
  readonly startedAt: number;
  /** `unkept`: it ended, with an answer too large to keep. */
  readonly state: "running" | "answered" | "unkept";
}

export interface ClaimRequest {
  readonly token: string;
  readonly fingerprint: string;
}

export type ClaimDecision =
  /** Nobody ran it: run it, then complete or release. */
  | "run"
  | "wait"
  | "answer"
  /** The key belongs to another request. */
  | "mismatch"
  /** The first call never said how it ended. It may have run, so it is not run again. */
  | "lost"
  | "unkept";

export function decideClaim(known: KnownCall | undefined, request: ClaimRequest, now: number): ClaimDecision {
  if (!known || now - known.startedAt >= KEY_RETENTION_MS) return "run";
  if (known.fingerprint !== request.fingerprint) return "mismatch";
  if (known.state === "answered") return "answer";
  if (known.state === "unkept") return "unkept";
  if (known.token === request.token) return "run";
  return now - known.startedAt >= LEASE_MS ? "lost" : "wait";
}

/** Where to cut a body of this size: offsets of its chunks, in order. */
export function chunkOffsets(byteLength: number): number[] {
  return Array.from({ length: Math.ceil(byteLength / CHUNK_BYTES) }, (_, index) => index * CHUNK_BYTES);
}
