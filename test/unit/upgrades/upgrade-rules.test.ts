import { describe, expect, test } from "vitest";
import { chooseVariant, isAssigned, withoutCanaries } from "../../../worker/execution/canary.ts";
import type { RecordedOutcome } from "../../../worker/execution/recording/recording.ts";
import type { Snapshot, SnapshotInstall } from "../../../worker/execution/snapshot.ts";
import { firstBad } from "../../../worker/control/upgrades/bisect-rules.ts";
import { judgeCanary } from "../../../worker/control/upgrades/canary-rules.ts";
import { judgeCase } from "../../../worker/control/upgrades/comparison-rules.ts";
import { gateReport } from "../../../worker/control/upgrades/gate-rules.ts";
import { channelOf, chooseUpdate } from "../../../worker/control/upgrades/policy-rules.ts";
import type { CaseReport } from "../../../worker/control/upgrades/upgrade-record.ts";
import type { Comparator } from "../../../sdk/contract/manifest-offers.ts";
import type { ErrorCode } from "../../../sdk/contract/errors.ts";
import type { VersionHead } from "../../../worker/control/plugins/rules.ts";

const keys = Array.from({ length: 20_000 }, (_unused, index) => `key-${index}`);

describe("assignment", () => {
  test.each([0, 1, 500, 2_500, 10_000])("gives %d basis points of the calls to the candidate", (share) => {
    const assigned = keys.filter((key) => isAssigned("salt", share, key)).length / keys.length;
    expect(Math.abs(assigned - share / 10_000)).toBeLessThan(0.01);
  });

  test("keeps what it assigned while the share grows, and is another for another upgrade", () => {
    const at = (salt: string, share: number) => keys.filter((key) => isAssigned(salt, share, key));
    const larger = new Set(at("salt", 2_500));
    expect(at("salt", 500).every((key) => larger.has(key))).toBe(true);
    const other = new Set(at("pepper", 500));
    expect(at("salt", 500).filter((key) => other.has(key)).length).toBeLessThan(150);
  });

  const candidate = {
    version: "2.0.0",
    functions: ["run", "more"],
    defaultFunction: "run",
  } as unknown as SnapshotInstall; // what the choice reads
  const install = {
    version: "1.0.0",
    functions: ["run", "old"],
    defaultFunction: "run",
    canary: { candidate, share: 10_000, salt: "salt", assignBy: "call" },
  } as unknown as SnapshotInstall;

  test.each([
    ["run", false, "2.0.0"],
    [undefined, false, "2.0.0"],
    ["old", false, "1.0.0"],
    ["run", true, "1.0.0"],
  ])("of %s, streaming %s, leads to %s", (functionName, streams, version) => {
    expect(chooseVariant(install, functionName, { key: "k", subject: "s", streams }).version).toBe(version);
  });

  test("by subject is the same for all calls of a caller", () => {
    const shared = { ...install, canary: { ...install.canary, share: 5_000, assignBy: "subject" } } as SnapshotInstall;
    for (const subject of ["ann", "bob", "cat", "dan"]) {
      const chosen = new Set(
        keys.slice(0, 50).map((key) => chooseVariant(shared, "run", { key, subject, streams: false }).version),
      );
      expect(chosen.size).toBe(1);
    }
  });

  test("ends with the canaries of a snapshot", () => {
    const snapshot = { canaries: true, installs: { a: install } } as unknown as Snapshot;
    const { canaries, installs } = withoutCanaries(snapshot);
    expect([canaries, installs["a"]?.canary]).toEqual([undefined, undefined]);
  });
});

function outcome(
  text: string,
  { fuel = 100_000, failure }: { fuel?: number; failure?: ErrorCode } = {},
): RecordedOutcome {
  const bytes = new TextEncoder().encode(text);
  return {
    output: failure ? undefined : { digest: text, byteLength: bytes.length, bytes },
    failure: failure ? { code: failure, detail: "" } : undefined,
    usage: { fuel, memoryBytes: 0, hostCalls: 0 },
    logs: [],
    logsTruncated: false,
  };
}

describe("a recorded call", () => {
  const judge = (before: RecordedOutcome, after: RecordedOutcome, comparator: Comparator = "exact") =>
    judgeCase({ incumbent: before, candidate: after, hostCalls: undefined, comparator, fuelBand: 0.25 });
  const trapped = outcome("", { failure: "PLUGIN_TRAPPED" });
  const away = outcome("", { failure: "ISOLATE_UNAVAILABLE" });
  const late = outcome("", { failure: "WALL_CLOCK_EXCEEDED" });

  test.each<[string, RecordedOutcome, RecordedOutcome, CaseReport["verdict"]]>([
    ["answers alike", outcome("a"), outcome("a"), "same"],
    ["answers otherwise", outcome("a"), outcome("b"), "different"],
    ["fails now", outcome("a"), trapped, "different"],
    ["fails no more", trapped, outcome("a"), "fixed"],
    ["fails alike", trapped, trapped, "same"],
    ["fails otherwise", trapped, outcome("", { failure: "FUEL_EXHAUSTED" }), "different"],
    ["met a platform that failed", outcome("a"), away, "not-comparable"],
    ["met a deadline, which is in real time", late, outcome("a"), "not-comparable"],
    ["uses a quarter more fuel", outcome("a"), outcome("a", { fuel: 135_000 }), "same"],
    ["uses more than that", outcome("a"), outcome("a", { fuel: 135_001 }), "different"],
    ["uses less fuel", outcome("a"), outcome("a", { fuel: 1 }), "same"],
  ])("that %s", (_case, before, after, verdict) => {
    expect(judge(before, after).verdict).toBe(verdict);
  });

  test("that asks the platform for something else is not comparable, and says for what", () => {
    const hostCalls = { recorded: "call 1: kv_get", replayed: "call 1: http_request" };
    const judged = judgeCase({
      incumbent: outcome("a"),
      candidate: trapped,
      hostCalls,
      comparator: "exact",
      fuelBand: 0,
    });
    expect(judged).toEqual({ verdict: "not-comparable", differences: [{ what: "hostCalls", ...hostCalls }] });
  });

  test.each<[string, string, Comparator, string | undefined]>([
    ['{"a":1,"b":[1,2]}', '{"b":[1,2],"a":1}', "json", undefined],
    ['{"a":1,"b":[1,2]}', '{"a":1,"b":[2,1]}', "json", "differs at /b/0, /b/1"],
    ['{"a":1,"took":5}', '{"a":1,"took":9}', { ignore: ["/took"] }, undefined],
    ['{"a":1,"took":5}', '{"a":2,"took":9}', { ignore: ["/took"] }, "differs at /a"],
    ['{"a":1}', '{"a":1,"b":2}', "json", "differs at /b"],
    ['{"__proto__":1}', '{"__proto__":2}', "json", 'sha256:{"__proto__":2}, 15 bytes'],
    ["[1]", '{"0":1}', "json", "differs at the whole"],
    ["not json", "nor json", "json", "sha256:nor json, 8 bytes"],
    [`${"[".repeat(40)}1${"]".repeat(40)}`, `${"[".repeat(40)} 1${"]".repeat(40)}`, "json", undefined],
  ])("of %s and %s compared by %o", (before, after, comparator, replayed) => {
    const [difference] = judge(outcome(before), outcome(after), comparator).differences;
    if (before.startsWith("[["))
      expect(difference?.what).toBe("output"); // too deep to be compared but by its bytes
    else expect(difference?.replayed).toBe(replayed);
  });
});

describe("the gate", () => {
  const cases = (...verdicts: CaseReport["verdict"][]) =>
    verdicts.map((verdict): CaseReport => ({ executionId: "", functionName: "", verdict, differences: [] }));
  const outcomeOf = (found: readonly CaseReport[], missingFunctions: string[] = []) =>
    gateReport({ cases: found, missingFunctions, notRun: 0, fuelBand: 0.25 }).outcome;

  test("passes, refuses, or says that nothing is proven", () => {
    expect(outcomeOf(cases("same", "fixed"))).toBe("passed");
    expect(outcomeOf(cases("same", "same", "different"))).toBe("refused");
    expect(outcomeOf(cases("same"), ["gone"])).toBe("refused");
    expect(outcomeOf([])).toBe("unproven");
    expect(outcomeOf(cases("same", "not-comparable"))).toBe("passed");
    expect(outcomeOf(cases("same", "not-comparable", "not-comparable"))).toBe("unproven");
  });
});

describe("a canary", () => {
  const steps = [
    { share: 500, minutes: 10 },
    { share: 5_000, minutes: 10 },
  ];
  const at = (counts: [number, number, number, number], minutes: number, step = 0) =>
    judgeCanary(
      {
        steps,
        step,
        stepStartedAt: 0,
        candidateCalls: counts[0],
        candidateFaults: counts[1],
        incumbentCalls: counts[2],
        incumbentFaults: counts[3],
      },
      minutes * 60_000,
    );

  test.each<[[number, number, number, number], number, number, string]>([
    [[4, 4, 0, 0], 0, 0, "wait"],
    [[5, 5, 0, 0], 0, 0, "return"],
    [[100, 5, 900, 0], 20, 0, "return"],
    [[101, 5, 900, 0], 20, 0, "step"],
    [[100, 30, 900, 270], 20, 0, "step"],
    [[20, 0, 0, 0], 9, 0, "wait"],
    [[20, 0, 0, 0], 10, 0, "step"],
    [[19, 0, 0, 0], 10, 0, "wait"],
    [[0, 0, 0, 0], 120, 0, "step"],
    [[20, 0, 0, 0], 10, 1, "promote"],
  ])("with %j after %d minutes at step %d: %s", (counts, minutes, step, decision) => {
    expect(at(counts, minutes, step)).toBe(decision);
  });
});

describe("a policy", () => {
  const heads = (...versions: string[]) =>
    versions.map((version): VersionHead => ({
      id: version,
      tenantId: "acme",
      pluginId: "acme.echo",
      version,
      state: "validated",
      verdict: "clean",
      limits: {},
      createdAt: 0,
      yankReason: null,
    }));

  test("knows the channel of a version by its name", () => {
    expect(["1.0.0", "1.0.0-beta.2", "1.0.0-RC", "1.0.0-3"].map(channelOf)).toEqual(["stable", "beta", "rc", "next"]);
  });

  test.each<["patch" | "minor", string, string, string | undefined]>([
    ["patch", "stable", "1.0.0", "1.0.9"],
    ["minor", "stable", "1.0.0", "1.2.0"],
    ["minor", "beta", "1.0.0", "1.3.0-beta.1"],
    ["minor", "stable", "0.1.0", "0.1.5"],
    ["patch", "stable", "2.0.0", undefined],
  ])("%s in %s takes from %s: %s", (policy, channel, current, taken) => {
    const offered = heads("0.1.0", "0.1.5", "0.2.0", "1.0.0", "1.0.9", "1.2.0", "1.3.0-beta.1", "2.0.0");
    const chosen = chooseUpdate(offered, current, { policy, channel, pinned: false }, new Set());
    expect(chosen?.version).toBe(taken);
  });

  test("takes nothing that failed here, that was withdrawn, or while it is pinned", () => {
    const policy = { policy: "patch", channel: "stable", pinned: false } as const;
    const [good, bad] = heads("1.0.1", "1.0.2");
    if (!good || !bad) throw new Error("no heads");
    const chosen = (all: VersionHead[], tried: string[] = [], pinned = false) =>
      chooseUpdate(all, "1.0.0", { ...policy, pinned }, new Set(tried))?.version;
    expect(chosen([good, bad], ["1.0.2"])).toBe("1.0.1");
    expect(chosen([good, { ...bad, yankReason: "broken" }])).toBe("1.0.1");
    expect(chosen([good, bad], [], true)).toBeUndefined();
  });
});

test.each([2, 3, 7, 16, 100])("a search among %d versions finds each culprit in about log2 tries", async (versions) => {
  for (let culprit = 1; culprit < versions; culprit++) {
    let tries = 0;
    const found = await firstBad(versions, (index) => {
      tries += 1;
      return Promise.resolve(index >= culprit);
    });
    expect(found).toBe(culprit);
    expect(tries).toBeLessThanOrEqual(Math.ceil(Math.log2(versions)));
  }
});
