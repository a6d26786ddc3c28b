import { WHOLE_SHARE } from "../../execution/canary.ts";
import type { CanaryCounts, CanaryStep, Upgrade } from "./upgrade-record.ts";

/** When a canary takes its next step, and when its candidate is taken back. Times are milliseconds since the epoch. */

export const DEFAULT_STEPS: readonly CanaryStep[] = [
  { share: 500, minutes: 10 },
  { share: 2_500, minutes: 10 },
  { share: WHOLE_SHARE / 2, minutes: 10 },
];

/** Faults of the candidate that are too few to say anything. */
const FEWEST_FAULTS = 5;
/** Calls of the candidate that a step waits for, so that a quiet plugin is not promoted unseen. */
const FEWEST_CALLS = 20;
/** A step ends after so many times its minutes, however few calls there were. */
const LONGEST_WAIT = 12;
/** The candidate is taken back where it fails so much more often than the installed version, in parts of all calls. */
const MARGIN = 0.05;

export type CanaryDecision = "return" | "step" | "promote" | "wait";

/**
 * @param upgrade  a running one
 * @returns what is to be done now; failures come before everything else
 */
export function judgeCanary(
  upgrade: CanaryCounts & Pick<Upgrade, "steps" | "step" | "stepStartedAt">,
  now: number,
): CanaryDecision {
  const { candidateCalls, steps, step, stepStartedAt } = upgrade;
  if (failsMore(upgrade)) return "return";
  const planned = (steps[step]?.minutes ?? 0) * 60_000;
  const lasted = now - stepStartedAt;
  if (lasted < planned || (candidateCalls < FEWEST_CALLS && lasted < planned * LONGEST_WAIT)) return "wait";
  return step + 1 < steps.length ? "step" : "promote";
}

function failsMore({ candidateCalls, candidateFaults, incumbentCalls, incumbentFaults }: CanaryCounts): boolean {
  if (candidateFaults < FEWEST_FAULTS) return false;
  const usual = incumbentCalls === 0 ? 0 : incumbentFaults / incumbentCalls;
  return candidateFaults / candidateCalls >= usual + MARGIN;
}

/** Why a candidate was taken back, for people. */
export function whyReturned({
  candidateCalls,
  candidateFaults,
  incumbentCalls,
  incumbentFaults,
}: CanaryCounts): string {
  return `${candidateFaults} of ${candidateCalls} calls failed, against ${incumbentFaults} of ${incumbentCalls} in the installed version.`;
}
