import type { CaseReport, GateOutcome, GateReport } from "./upgrade-record.ts";

/** What replaying recorded calls says of a candidate as a whole. */

export const DEFAULT_FUEL_BAND = 0.25;
export const DEFAULT_REPLAYS = 20;
export const MOST_REPLAYS = 100;

/**
 * One call answered otherwise, or one function gone, refuses the candidate. Nothing is proven where no call could be compared, or
 * most could not.
 */
export function gateReport(facts: Omit<GateReport, "outcome">): GateReport {
  return { ...facts, outcome: outcomeOf(facts) };
}

function outcomeOf({ cases, missingFunctions }: Omit<GateReport, "outcome">): GateOutcome {
  if (missingFunctions.length > 0 || cases.some(({ verdict }) => verdict === "different")) return "refused";
  const compared = cases.filter(({ verdict }) => verdict !== "not-comparable").length;
  return compared === 0 || compared < cases.length / 2 ? "unproven" : "passed";
}

/** How many calls came out how; for events and lists. */
export function countVerdicts(cases: readonly CaseReport[]) {
  const count = (verdict: CaseReport["verdict"]): number => cases.filter((one) => one.verdict === verdict).length;
  return {
    replayed: cases.length,
    same: count("same"),
    fixed: count("fixed"),
    different: count("different"),
    notComparable: count("not-comparable"),
  };
}
