/**
 * How much of the platform is at work, and what goes on when a part of it is away. Once here: gates, answers and
 * documentation follow.
 */
export interface ModeSpec {
  readonly title: string;
  /** What needs the database and changes nothing. */
  readonly reads: "live" | "from the last good snapshot";
  /** What changes something. Running plugins never counts: it goes on in every mode. */
  readonly writes: "taken" | "refused";
  /** Seconds after which a refused request is worth trying again. */
  readonly retryAfter?: number;
}

export const MODES = {
  normal: { title: "all parts work", reads: "live", writes: "taken" },
  fallback: {
    title: "a store does not answer; what can do without it goes on",
    reads: "from the last good snapshot",
    writes: "refused",
    retryAfter: 5,
  },
  emergency: {
    title: "writing could do damage: an operator said so, or the deployment does not fit the data",
    reads: "live",
    writes: "refused",
    retryAfter: 60,
  },
  recovering: {
    title: "the stores answer again and are watched before writes are taken",
    reads: "live",
    writes: "refused",
    retryAfter: 2,
  },
} as const satisfies Record<string, ModeSpec>;

export type Mode = keyof typeof MODES;
export const MODE_NAMES = Object.keys(MODES) as Mode[]; // Object.keys loses the key type

/** What is said and done while a part is away. Each row has a test of its own. */
export interface LossSpec {
  readonly part: string;
  readonly executions: string;
  readonly reads: string;
  readonly writes: string;
  readonly records: string;
}

export const LOSSES = {
  database: {
    part: "D1",
    executions: "go on from snapshots in memory and R2; capabilities that write to D1 fail with their own code",
    reads:
      "listing and details of installed plugins from the last good snapshot, marked `stale`; health goes on; the rest is refused with 503 `MODE_FALLBACK`",
    writes:
      "refused with 503 `MODE_FALLBACK` and `Retry-After`; messages and webhooks of other services are taken (202)",
    records: "wait in the queue and, beyond its retries, in R2; stored once each when D1 is back",
  },
  store: {
    part: "R2",
    executions:
      "warm plugins go on with the snapshot in memory, for 15 minutes; one whose module is not loaded fails with `MODULE_UNAVAILABLE`",
    reads: "live",
    writes: "refused with 503 `MODE_FALLBACK` and `Retry-After`",
    records: "stored as ever; recordings of calls made meanwhile are lost",
  },
  outcomes: {
    part: "the queue of outcomes",
    executions: "go on",
    reads: "live",
    writes: "taken",
    records:
      "written to R2 in batches and stored within a minute; with R2 away too, up to 10,000 a worker isolate wait in memory",
  },
  health: {
    part: "the health objects",
    executions:
      "go on; what was known of a breaker holds, and each worker isolate's own decides by what it sees; a failed isolate cannot be replaced",
    reads: "live, but for a plugin's own health (503 `HEALTH_UNAVAILABLE`)",
    writes: "taken",
    records:
      "stored as ever; what each worker isolate counted is reported once the objects answer, and lost with an isolate that ends before",
  },
  mode: {
    part: "the mode object",
    executions: "go on",
    reads: "live",
    writes: "taken: each worker isolate keeps the mode that it knew last, at first `normal`",
    records: "stored as ever",
  },
} as const satisfies Record<string, LossSpec>;
