/** What to do with a message that arrives for an install, given what is known of it. Times are milliseconds since the epoch. */

/** Longer than any call may take (30 s and its grace): a delivery still running after it was cut off. */
export const DELIVERY_LEASE_MS = 60_000;
/** How long it is remembered that a message was handled: longer than every retry of a delivery together. */
export const INBOX_RETENTION_MS = 24 * 3_600_000;
/** Attempts at a delivery before it becomes a dead letter. */
export const DELIVERY_ATTEMPTS = 5;

export interface KnownDelivery {
  readonly state: "running" | "waiting" | "done";
  /** Attempts begun so far. */
  readonly attempts: number;
  /** When it came into this state. */
  readonly changedAt: number;
}

export type DeliveryDecision =
  /** Run it; this is attempt number `attempt`. */
  | { readonly decision: "run"; readonly attempt: number }
  /** It was handled; do not run it again. */
  | { readonly decision: "done" }
  /** Somebody else runs it now. */
  | { readonly decision: "busy"; readonly waitMs: number }
  /** Every attempt was cut off or failed. */
  | { readonly decision: "exhausted"; readonly attempts: number };

export function decideDelivery(known: KnownDelivery | undefined, now: number): DeliveryDecision {
  if (!known || now - known.changedAt >= INBOX_RETENTION_MS) return { decision: "run", attempt: 1 };
  if (known.state === "done") return { decision: "done" };
  const waitMs = known.changedAt + DELIVERY_LEASE_MS - now;
  if (known.state === "running" && waitMs > 0) return { decision: "busy", waitMs };
  if (known.attempts >= DELIVERY_ATTEMPTS) return { decision: "exhausted", attempts: known.attempts };
  return { decision: "run", attempt: known.attempts + 1 };
}
