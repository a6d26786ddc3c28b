import type { Verdict } from "../../../durable-objects/plugin-health/verdict-rules.ts";
import { ERRORS } from "../../../sdk/contract/errors.ts";
import type { Limits } from "../../../sdk/contract/limits.ts";
import type { SandboxFailure } from "../../../sdk/contract/sandbox.ts";

/** What the end of a call says of the plugin, and what a caller is told whose call is refused. */

/** `nothing`: it ended by the doing of the caller, the platform or a service that the plugin called. */
export type Evidence = "good" | "fault" | "nothing";

/** A call that had to wait for a place is still put down to the plugin where it had this share of its own time. */
const OWN_TIME = 0.9;

/**
 * @param own       limits of the install
 * @param given     limits of the call: a caller or a budget may have lowered them
 * @param streamed  true where the caller decided how fast input came and output went
 */
export function evidenceOf(
  failure: Pick<SandboxFailure, "code" | "limit"> | undefined,
  own: Limits,
  given: Limits,
  streamed = false,
): Evidence {
  if (!failure) return "good";
  const { blame, trips } = ERRORS[failure.code];
  if (!trips) return blame === "plugin" && failure.code !== "BREAKER_OPEN" ? "good" : "nothing";
  if (streamed && failure.code === "WALL_CLOCK_EXCEEDED") return "nothing";
  const { limit } = failure;
  if (!limit || !Object.hasOwn(own, limit.name)) return "fault";
  const name = limit.name as keyof Limits; // one of the install's own
  const isLowered = given[name] < own[name] || limit.allowed < own[name] * OWN_TIME;
  return isLowered ? "nothing" : "fault";
}

/** Longest that a caller is told to wait, in seconds: an order may be taken back at any time. */
const LONGEST_WAIT = 600;
const SHORTEST_WAIT = 1;

/** The failure of a call that was not made. */
export function refusalOf(verdict: Verdict, pluginId: string, now: number): SandboxFailure {
  const { state, since, nextProbeAt, why, forced } = verdict;
  const wait = nextProbeAt === null ? LONGEST_WAIT : Math.ceil((nextProbeAt - now) / 1_000);
  return {
    code: "BREAKER_OPEN",
    detail: `Calls of "${pluginId}" are refused since ${isoTime(since)}: ${reasonOf(verdict)}`,
    breaker: {
      state,
      since,
      nextProbeAt,
      why: why ? { cause: why.cause, codes: why.codes, faults: why.faults, calls: why.calls } : null,
      forced: forced !== undefined,
    },
    retryAfterSeconds: Math.min(Math.max(wait, SHORTEST_WAIT), LONGEST_WAIT),
  };
}

function reasonOf({ state, nextProbeAt, why, forced }: Verdict): string {
  if (forced) return "an operator ordered so.";
  const codes = why ? codesText(why.codes) : "";
  const failed =
    why?.cause === "probe-failed" ? `its last probe failed (${codes}).` : `it failed too often (${codes}).`;
  if (state === "half-open") return `${failed} Single calls are let through to see whether it recovered.`;
  return nextProbeAt === null ? failed : `${failed} The next probe is possible at ${isoTime(nextProbeAt)}.`;
}

/** Codes with their counts, most frequent first. */
export function codesText(codes: Readonly<Record<string, number>>): string {
  return Object.entries(codes)
    .toSorted(([, one], [, other]) => other - one)
    .map(([code, times]) => `${code} ${times}`)
    .join(", ");
}

function isoTime(time: number): string {
  return new Date(time).toISOString();
}
