import { ERRORS, type ErrorCode } from "../../../sdk/contract/errors.ts";
import type { Cause, HealingOutcome, Remedy } from "./healing-record.ts";

/** Which remedy an install gets, if any. Times are milliseconds since the epoch. */

/** Failed calls of an install with one error code. */
export interface Fault {
  readonly code: string;
  readonly count: number;
  /** How many of them used capabilities. */
  readonly withCapabilities: number;
  readonly firstAt: number;
  readonly lastAt: number;
}

/** A remedy that was tried before. */
export interface Try {
  readonly remedy: Remedy;
  readonly outcome: HealingOutcome;
  readonly startedAt: number;
  readonly endedAt: number | null;
}

/** A breaker that refuses calls, or lets single ones through. */
export interface OpenBreaker {
  /** When it opened first. */
  readonly since: number;
  /** Error code of most faults that opened it. */
  readonly code: string;
}

export interface OpenFinding {
  readonly kind: string;
  readonly severity: string;
  /** What the audit proposes, in its own words. */
  readonly remedy: string | null;
}

export interface HealingFacts {
  readonly safeMode: boolean;
  /** Of the version that runs; undefined while it lets calls through, or where a person ordered what it does. */
  readonly breaker: OpenBreaker | undefined;
  /** Of the version that runs, since the last remedy that helped, at most {@link FAULT_WINDOW_MS} back. */
  readonly faults: readonly Fault[];
  readonly findings: readonly OpenFinding[];
  /** When the version changed last; undefined where it never did. */
  readonly upgradedAt: number | undefined;
  /** A version before, kept and good. */
  readonly canRollBack: boolean;
  /** Tries of the last hour, newest first. */
  readonly tries: readonly Try[];
}

export interface HealingSettings {
  /** Critical findings that make an install an emergency. */
  readonly criticalThreshold: number;
}

/** How far back faults count. */
export const FAULT_WINDOW_MS = 10 * 60_000;
/** Faults after a change of version that are put down to it. */
export const UPGRADE_WINDOW_MS = 60 * 60_000;
/** How far back tries count. */
export const TRIES_WINDOW_MS = 60 * 60_000;

interface RemedyLimit {
  /** Most tries for one install in an hour. */
  readonly perHour: number;
  /** Wait after a try; doubles with each. */
  readonly backoffMs: number;
}

export const REMEDY_LIMITS: Readonly<Record<Remedy, RemedyLimit>> = {
  restart: { perHour: 2, backoffMs: 60_000 },
  repair: { perHour: 2, backoffMs: 60_000 },
  rollback: { perHour: 1, backoffMs: 60_000 },
  "safe-mode": { perHour: 1, backoffMs: 60_000 },
  quarantine: { perHour: 1, backoffMs: 60_000 },
  "leave-safe-mode": { perHour: 1, backoffMs: 60_000 },
};

/** What may be done by itself on the whole platform: a bad deployment must not heal everything at once. */
export interface HealingLimits {
  readonly most: number;
  readonly periodMs: number;
}
export const PLATFORM_LIMITS: HealingLimits = { most: 20, periodMs: 10 * 60_000 };

/** Failures of the code as it is stored: what runs is missing or is not what was uploaded. */
const DAMAGED: ReadonlySet<string> = new Set<ErrorCode>(["INTEGRITY_FAILED"]);
/** The same, or a store that did not answer for a moment. */
const UNREADABLE: ReadonlySet<string> = new Set<ErrorCode>(["INTEGRITY_FAILED", "MODULE_UNAVAILABLE"]);
const KILLED: ReadonlySet<string> = new Set<ErrorCode>(["ISOLATE_UNAVAILABLE", "ISOLATE_REPLACED_TOO_OFTEN"]);
/** Faults of the plugin. Whether there are too many is for the breaker to say, which leaves out those that callers provoked. */
const OWN: ReadonlySet<string> = new Set(Object.entries(ERRORS).flatMap(([code, { trips }]) => (trips ? [code] : [])));

/** Codes that the healer looks for in the records of executions: failures that no breaker counts. */
export const HEALABLE_CODES: readonly string[] = [...UNREADABLE, ...KILLED];

export interface HealingRule {
  readonly remedy: Exclude<Remedy, "leave-safe-mode">;
  /** For people: when the rule holds, and why it asks for this. */
  readonly when: string;
  readonly why: string;
  /** @returns the error code or finding that it is about, where it holds */
  readonly about: (facts: HealingFacts, settings: HealingSettings) => string | undefined;
}

/** In order: the first that holds, and whose remedy is not used up, decides. */
export const HEALING_RULES: readonly HealingRule[] = [
  {
    remedy: "quarantine",
    when: "a critical finding asks for `quarantine`, or as many critical findings are open as the setting `audit.criticalThreshold` says",
    why: "It is an emergency, and what runs may do harm.",
    about: ({ findings }, { criticalThreshold }) => {
      const critical = findings.filter(({ severity }) => severity === "critical");
      return critical.length >= criticalThreshold ? critical[0]?.kind : askedFor(critical, "quarantine");
    },
  },
  {
    remedy: "repair",
    when: "calls fail with `INTEGRITY_FAILED` or `MODULE_UNAVAILABLE`, or a finding asks for `repair`",
    why: "What is stored of the plugin is missing or damaged; it is made again from what was uploaded.",
    about: ({ faults, findings }) => codeAmong(faults, UNREADABLE) ?? askedFor(findings, "repair"),
  },
  {
    remedy: "rollback",
    when: "calls fail with `INTEGRITY_FAILED`, a repair failed, and an earlier good version is kept",
    why: "The version cannot be repaired, and the one before it can run.",
    about: (facts) => (hasFailed(facts, "repair") && facts.canRollBack ? codeAmong(facts.faults, DAMAGED) : undefined),
  },
  {
    remedy: "quarantine",
    when: "calls fail with `INTEGRITY_FAILED`, and repairs failed",
    why: "Nothing that is kept can be trusted, so nothing of it may run.",
    about: (facts) => (hasFailed(facts, "repair") ? codeAmong(facts.faults, DAMAGED) : undefined),
  },
  {
    remedy: "rollback",
    when: "the breaker opened within an hour after the version changed, or a finding asks for `rollback`; and an earlier good version is kept",
    why: "The new version brought the faults.",
    about: ({ breaker, upgradedAt, canRollBack, findings }) => {
      if (!canRollBack) return undefined;
      const age = breaker && upgradedAt !== undefined ? breaker.since - upgradedAt : -1;
      return breaker && age >= 0 && age < UPGRADE_WINDOW_MS ? breaker.code : askedFor(findings, "rollback");
    },
  },
  {
    remedy: "restart",
    when: "calls fail with `ISOLATE_UNAVAILABLE` or `ISOLATE_REPLACED_TOO_OFTEN`",
    why: "Its isolate was killed or does not load, and goes on failing under its id.",
    about: ({ faults }) => codeAmong(faults, KILLED),
  },
  {
    remedy: "restart",
    when: "the breaker is not closed and no restart was tried in the last hour, or a finding asks for `restart`",
    why: "What earlier calls left behind is the cheapest thing to take away.",
    about: (facts) => {
      const about = facts.breaker?.code ?? askedFor(facts.findings, "restart");
      return wasTried(facts, "restart") ? undefined : about;
    },
  },
  {
    remedy: "safe-mode",
    when: "the breaker is not closed after a restart and calls fail that use capabilities, or a finding asks for `safe-mode`",
    why: "Without capabilities it can harm nothing outside, and may work in what only computes.",
    about: (facts) => {
      if (facts.safeMode) return undefined;
      const explained = facts.faults.some(({ code, withCapabilities }) => OWN.has(code) && withCapabilities > 0);
      const persists = explained && wasTried(facts, "restart");
      return (persists ? facts.breaker?.code : undefined) ?? askedFor(facts.findings, "safe-mode");
    },
  },
  {
    remedy: "quarantine",
    when: "the breaker is not closed after a restart and a critical finding is open, or a finding asks for `quarantine`",
    why: "It fails, and what was found in it is critical.",
    about: (facts) => {
      const isCritical = facts.findings.some(({ severity }) => severity === "critical");
      const persists = isCritical && wasTried(facts, "restart");
      return (persists ? facts.breaker?.code : undefined) ?? askedFor(facts.findings, "quarantine");
    },
  },
];

/** `code` is the error code or finding that it is about. */
export type Choice =
  | { readonly remedy: HealingRule["remedy"]; readonly code: string; readonly why: string }
  | { readonly remedy: undefined; readonly code: string | undefined; readonly why: string };

/** Who saw what a choice is about. */
export function causeOf({ findings, breaker }: HealingFacts, code: string): Exclude<Cause, "operator"> {
  if (findings.some(({ kind }) => kind === code)) return "finding";
  return breaker?.code === code ? "breaker" : "executions";
}

/**
 * Chooses what to do for an install.
 *
 * @param now  milliseconds since the epoch
 * @returns the remedy, or none, and in a sentence why
 */
export function chooseRemedy(facts: HealingFacts, settings: HealingSettings, now: number): Choice {
  let usedUp: { readonly code: string; readonly remedy: Remedy } | undefined;
  for (const { remedy, why, about } of HEALING_RULES) {
    const code = about(facts, settings);
    if (code === undefined) continue;
    const allowance = allowanceOf(facts.tries, remedy, now);
    if (allowance === "now") return { remedy, code, why };
    if (allowance !== "used-up") {
      const time = new Date(allowance.from).toISOString();
      return { remedy: undefined, code, why: `${remedy} was tried; it may be tried again from ${time}.` };
    }
    usedUp ??= { code, remedy };
  }
  if (usedUp) {
    const { perHour } = REMEDY_LIMITS[usedUp.remedy];
    const why = `${usedUp.remedy} was tried as often as it may be in an hour (${perHour}), and no other remedy applies; the breaker holds back its calls.`;
    return { remedy: undefined, code: usedUp.code, why };
  }
  const code = facts.breaker?.code;
  const why = code
    ? "It goes on failing, and no remedy is left that applies; the breaker holds back its calls."
    : "Nothing is wrong that a remedy is known for.";
  return { remedy: undefined, code, why };
}

/** True where the remedy was done and nothing says that it did not help: what happened before is settled. */
export function isSettled({ outcome }: Pick<Try, "outcome">): boolean {
  return outcome === "helped" || outcome === "unproven";
}

/** Whether a remedy may be tried for the install. */
function allowanceOf(
  tries: readonly Try[],
  remedy: Remedy,
  now: number,
): "now" | "used-up" | { readonly from: number } {
  // A clock that was set back leaves tries in the future; they count as recent.
  const recent = tries.filter((one) => one.remedy === remedy && now - one.startedAt < TRIES_WINDOW_MS);
  const { perHour, backoffMs } = REMEDY_LIMITS[remedy];
  if (recent.length >= perHour) return "used-up";
  const [last] = recent;
  if (!last) return "now";
  const from = (last.endedAt ?? last.startedAt) + backoffMs * 2 ** (recent.length - 1);
  return from <= now ? "now" : { from };
}

function codeAmong(faults: readonly Fault[], codes: ReadonlySet<string>): string | undefined {
  return faults.find(({ code }) => codes.has(code))?.code;
}

function askedFor(findings: readonly OpenFinding[], remedy: Remedy): string | undefined {
  return findings.find((finding) => finding.remedy === remedy)?.kind;
}

function wasTried({ tries }: HealingFacts, remedy: Remedy): boolean {
  return tries.some((one) => one.remedy === remedy);
}

function hasFailed({ tries }: HealingFacts, remedy: Remedy): boolean {
  return tries.some((one) => one.remedy === remedy && one.outcome === "failed");
}
