import { describe, expect, test } from "vitest";
import type { HealingOutcome, Remedy } from "../../../worker/control/healing/healing-record.ts";
import {
  causeOf,
  chooseRemedy,
  HEALABLE_CODES,
  HEALING_RULES,
  REMEDY_LIMITS,
  type Fault,
  type HealingFacts,
  type Try,
} from "../../../worker/control/healing/rules.ts";

const NOW = Date.UTC(2026, 0, 1, 12);
const MINUTE = 60_000;
const settings = { criticalThreshold: 3 };

const well: HealingFacts = {
  safeMode: false,
  breaker: undefined,
  faults: [],
  findings: [],
  upgradedAt: undefined,
  canRollBack: false,
  tries: [],
};

function fault(code: string, count = 5, more: Partial<Fault> = {}): Fault {
  return { code, count, withCapabilities: 0, firstAt: NOW - 5 * MINUTE, lastAt: NOW - MINUTE, ...more };
}

function tried(remedy: Remedy, outcome: HealingOutcome = "failed", minutesAgo = 10): Try {
  const startedAt = NOW - minutesAgo * MINUTE;
  return { remedy, outcome, startedAt, endedAt: startedAt + 1_000 };
}

const open = (code: string, minutesAgo = 5) => ({ breaker: { since: NOW - minutesAgo * MINUTE, code } });

const finding = (kind: string, severity: string, remedy: string | null = "none") => ({ kind, severity, remedy });

function chosen(facts: Partial<HealingFacts>, now = NOW) {
  const { remedy, code } = chooseRemedy({ ...well, ...facts }, settings, now);
  return [remedy, code];
}

describe("the rules choose", () => {
  test.each<[string, Partial<HealingFacts>, Remedy | undefined, string | undefined]>([
    ["nothing for what is well", {}, undefined, undefined],
    [
      "a repair for damaged code, at the first fault",
      { faults: [fault("INTEGRITY_FAILED", 1)] },
      "repair",
      "INTEGRITY_FAILED",
    ],
    [
      "a repair where the store did not answer",
      { faults: [fault("MODULE_UNAVAILABLE", 1)] },
      "repair",
      "MODULE_UNAVAILABLE",
    ],
    [
      "to go back where the repair failed twice and a good version is kept",
      {
        faults: [fault("INTEGRITY_FAILED")],
        tries: [tried("repair"), tried("repair", "failed", 20)],
        canRollBack: true,
      },
      "rollback",
      "INTEGRITY_FAILED",
    ],
    [
      "quarantine where the repair failed twice and nothing is kept",
      { faults: [fault("INTEGRITY_FAILED")], tries: [tried("repair"), tried("repair", "failed", 20)] },
      "quarantine",
      "INTEGRITY_FAILED",
    ],
    [
      "nothing harsh for a store that goes on not answering",
      {
        faults: [fault("MODULE_UNAVAILABLE")],
        tries: [tried("repair"), tried("repair", "failed", 20)],
        canRollBack: true,
      },
      undefined,
      "MODULE_UNAVAILABLE",
    ],
    [
      "to go back from a version that brought the faults",
      { ...open("PLUGIN_TRAPPED"), upgradedAt: NOW - 10 * MINUTE, canRollBack: true },
      "rollback",
      "PLUGIN_TRAPPED",
    ],
    [
      "a restart where the breaker was open before the version",
      { ...open("PLUGIN_TRAPPED", 11), upgradedAt: NOW - 10 * MINUTE, canRollBack: true },
      "restart",
      "PLUGIN_TRAPPED",
    ],
    [
      "a restart where the version is older than an hour",
      { ...open("PLUGIN_TRAPPED"), upgradedAt: NOW - 66 * MINUTE, canRollBack: true },
      "restart",
      "PLUGIN_TRAPPED",
    ],
    ["a restart for killed isolates", { faults: [fault("ISOLATE_UNAVAILABLE", 1)] }, "restart", "ISOLATE_UNAVAILABLE"],
    [
      "nothing for faults that did not open the breaker",
      { faults: [fault("FUEL_EXHAUSTED", 90)] },
      undefined,
      undefined,
    ],
    ["a restart where the breaker opened", open("FUEL_EXHAUSTED"), "restart", "FUEL_EXHAUSTED"],
    [
      "safe mode where faults persist and capabilities were used",
      {
        ...open("MEMORY_EXCEEDED"),
        faults: [fault("MEMORY_EXCEEDED", 6, { withCapabilities: 3 })],
        tries: [tried("restart")],
      },
      "safe-mode",
      "MEMORY_EXCEEDED",
    ],
    [
      "nothing where capabilities do not explain them",
      { ...open("MEMORY_EXCEEDED"), faults: [fault("MEMORY_EXCEEDED")], tries: [tried("restart")] },
      undefined,
      "MEMORY_EXCEEDED",
    ],
    [
      "quarantine where they persist in safe mode and a finding is critical",
      {
        ...open("MEMORY_EXCEEDED"),
        faults: [fault("MEMORY_EXCEEDED", 6, { withCapabilities: 3 })],
        tries: [tried("restart"), tried("safe-mode", "unproven")],
        safeMode: true,
        findings: [finding("version.advisory", "critical")],
      },
      "quarantine",
      "MEMORY_EXCEEDED",
    ],
    [
      "quarantine at once where critical findings are as many as the setting says",
      { findings: [finding("a", "critical"), finding("b", "critical"), finding("c", "critical")] },
      "quarantine",
      "a",
    ],
    [
      "quarantine at once where a critical finding asks for it",
      { findings: [finding("known-bad", "critical", "quarantine")] },
      "quarantine",
      "known-bad",
    ],
    [
      "what a finding asks for: repair",
      { findings: [finding("snapshot.drift", "high", "repair")] },
      "repair",
      "snapshot.drift",
    ],
    ["what a finding asks for: restart", { findings: [finding("stuck", "high", "restart")] }, "restart", "stuck"],
    ["what a finding asks for: safe mode", { findings: [finding("odd", "high", "safe-mode")] }, "safe-mode", "odd"],
    [
      "what a finding asks for: rollback",
      { findings: [finding("slow", "high", "rollback")], canRollBack: true },
      "rollback",
      "slow",
    ],
    [
      "nothing of what a finding leaves to people",
      { findings: [finding("unused", "low", "revoke-grant")] },
      undefined,
      undefined,
    ],
  ])("%s", (_, facts, remedy, code) => {
    expect(chosen(facts)).toEqual([remedy, code]);
  });
});

describe("what was tried", () => {
  const damaged = { faults: [fault("INTEGRITY_FAILED")] };

  test("is not tried again before its backoff, which doubles", () => {
    const last = { remedy: "repair", outcome: "failed", startedAt: NOW, endedAt: NOW } as const;
    expect(chosen({ ...damaged, tries: [last] }, NOW + MINUTE - 1)).toEqual([undefined, "INTEGRITY_FAILED"]);
    expect(chosen({ ...damaged, tries: [last] }, NOW + MINUTE)).toEqual(["repair", "INTEGRITY_FAILED"]);
    expect(chooseRemedy({ ...well, ...damaged, tries: [last] }, settings, NOW + 1).why).toBe(
      "repair was tried; it may be tried again from 2026-01-01T12:01:00.000Z.",
    );
    const restart = { ...last, remedy: "restart" } as const;
    const killed = { faults: [fault("ISOLATE_UNAVAILABLE")] };
    expect(chosen({ ...killed, tries: [restart] }, NOW + MINUTE)).toEqual(["restart", "ISOLATE_UNAVAILABLE"]);
  });

  test.each(HEALING_RULES.map(({ remedy }) => remedy))(
    "%s is tried no more often in an hour than its limit",
    (remedy) => {
      const { perHour } = REMEDY_LIMITS[remedy];
      const tries = Array.from({ length: perHour }, (_, at) => tried(remedy, "failed", 30 - at));
      const asked = { findings: [finding("asked", "critical", remedy)], canRollBack: true, tries };
      expect(chooseRemedy({ ...well, ...asked }, settings, NOW).remedy).not.toBe(remedy);
      expect(chosen({ ...asked, tries: [] })).toEqual([remedy, "asked"]);
    },
  );

  test("counts as recent where the clock was set back since", () => {
    const future = {
      remedy: "repair",
      outcome: "failed",
      startedAt: NOW + 10 * MINUTE,
      endedAt: NOW + 11 * MINUTE,
    } as const;
    expect(chosen({ ...damaged, tries: [future] })).toEqual([undefined, "INTEGRITY_FAILED"]);
    expect(chosen({ ...damaged, tries: [future, { ...future, startedAt: NOW + 5 * MINUTE }] })).toEqual([
      "quarantine",
      "INTEGRITY_FAILED",
    ]);
  });
});

test("who saw it is told apart", () => {
  expect(causeOf({ ...well, findings: [finding("a", "high")] }, "a")).toBe("finding");
  expect(causeOf({ ...well, ...open("PLUGIN_TRAPPED") }, "PLUGIN_TRAPPED")).toBe("breaker");
  expect(causeOf(well, "PLUGIN_TRAPPED")).toBe("executions");
});

test("faults that a caller can provoke are the breaker's to judge, and not looked for in records", () => {
  for (const code of ["INPUT_TOO_LARGE", "GRANT_MISSING", "PLUGIN_ERROR", "FUEL_EXHAUSTED", "PLUGIN_TRAPPED"]) {
    expect(HEALABLE_CODES).not.toContain(code);
  }
});
