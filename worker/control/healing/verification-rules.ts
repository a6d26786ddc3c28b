import type { LimitName, Limits } from "../../../sdk/contract/limits.ts";
import type { HealingVerification } from "./healing-record.ts";

/** Recorded calls that were run again. */
export interface Evidence {
  readonly replayed: number;
  readonly succeeded: number;
}

export interface Evidences {
  /** True where the remedy has seen for itself that the cause is gone. */
  readonly proved: boolean;
  /** State of the install afterwards. */
  readonly state: string;
  readonly failing: Evidence;
  readonly good: Evidence;
  /** `healthy`, `unhealthy` or an error code; null where the plugin was not asked. */
  readonly healthCheck: string | null;
}

/**
 * Weighs what was seen after a remedy. What a plugin does counts more than what it says: one that calls itself healthy while its
 * recorded calls fail has not been helped.
 */
export function judge({ proved, state, failing, good, healthCheck }: Evidences): HealingVerification {
  const verified = (verdict: HealingVerification["verdict"], explanation: string): HealingVerification => ({
    verdict,
    failing,
    good,
    healthCheck,
    explanation,
  });
  if (state === "quarantined") return verified("helped", "It takes no calls any more.");
  const worse = good.replayed - good.succeeded;
  if (worse > 0) return verified("not-helped", `${worse} of ${good.replayed} recorded calls that succeeded now fail.`);
  const left = failing.replayed - failing.succeeded;
  if (left > 0) {
    const lie =
      healthCheck === "healthy" ? " Its health_check says that it is healthy, which its calls contradict." : "";
    return verified("not-helped", `${left} of ${failing.replayed} recorded calls that failed still fail.${lie}`);
  }
  if (healthCheck !== null && healthCheck !== "healthy") {
    return verified("not-helped", `Its health_check says ${healthCheck}.`);
  }
  if (failing.replayed > 0) return verified("helped", `${failing.replayed} recorded calls that failed now succeed.`);
  if (proved) return verified("helped", "What was wrong is gone.");
  if (healthCheck === "healthy") {
    return verified(
      "helped",
      "Its health_check says that it is healthy; no failed call was recorded that could be run again.",
    );
  }
  const inUse = state === "active" ? "" : ` It is ${state}, so it was not called.`;
  return verified(
    "unproven",
    `No failed call was recorded that could be run again, and it has no health_check.${inUse}`,
  );
}

/** Of each limit the smaller one. */
export function narrowed(recorded: Limits, now: Limits): Limits {
  const names = Object.keys(recorded) as LimitName[]; // Object.keys loses the key type
  return Object.fromEntries(names.map((name) => [name, Math.min(recorded[name], now[name])])) as Limits; // every name is mapped
}
