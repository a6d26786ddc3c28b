import { describe, expect, test } from "vitest";
import type { FactParts } from "../../../worker/control/audits/facts-record.ts";
import {
  AUDIT_RULE_NAMES,
  AUDIT_RULES,
  countBySeverity,
  isTold,
  judge,
  wasJudged,
  type AuditRuleName,
} from "../../../worker/control/audits/rules.ts";
import type { AuditRule } from "../../../worker/control/audits/rule-record.ts";
import type { UsageSum } from "../../../worker/control/grants/report-rules.ts";
import type { GrantRecord } from "../../../worker/control/grants/rules.ts";
import { callsOf, seeded, STEADY, type Workload } from "./simulation.ts";

const NOW = Date.UTC(2026, 5, 1);
const DAY_MS = 86_400_000;

type Parts = Partial<FactParts>;

const [package_, original, rewritten, files] = ["a", "b", "c", "d"].map((letter) => letter.repeat(64)) as [
  string,
  string,
  string,
  string,
];

function objects(change: Partial<Record<"package" | "original" | "rewritten" | "files", string | null>> = {}): Parts {
  const all = { package: package_, original, rewritten, files };
  return {
    objects: (Object.keys(all) as (keyof typeof all)[]).map((what) => ({
      what,
      digest: all[what],
      found: what in change ? (change[what] ?? null) : all[what],
    })),
  };
}

function snapshot(status: FactParts["snapshot"]["status"], differing: string[] = []): Parts {
  return { snapshot: { status, revision: 7, storedRevision: status === "behind" ? 6 : 7, differing } };
}

function config(change: Partial<FactParts["config"]> = {}): Parts {
  return { config: { revision: 3, issues: [], sealed: false, ...change } };
}

function grant(capability: GrantRecord["capability"], change: Partial<GrantRecord> = {}): GrantRecord {
  return {
    id: capability,
    capability,
    version: "1.0.0",
    asked: {},
    granted: {},
    grantedBy: "ada",
    grantedAt: NOW - 20 * DAY_MS,
    ...change,
  };
}

function used(capability: UsageSum["capability"], scope = ""): UsageSum {
  const amounts = { executions: 5, calls: 5, refused: 0, bytes: 1, peakCalls: 1, peakBytes: 1, lastUsedAt: NOW };
  return { capability, scope, ...amounts };
}

function grants(part: Partial<FactParts["grants"]>): Parts {
  return { grants: { asks: {}, records: [], sums: [], periodDays: 30, ...part } };
}

function calls(change: Partial<Workload>): Parts {
  return { calls: callsOf(seeded(5), STEADY, change) };
}

function version(change: Partial<FactParts["version"]> = {}): Parts {
  return {
    version: {
      version: "1.2.0",
      yanked: null,
      advisories: [],
      knownBad: [],
      newer: null,
      dependencies: [],
      ...change,
    },
  };
}

const advisory = { advisoryId: "01J00000000000000000000000", range: "<2.0.0", severity: "critical" } as const;
const dependency = { pluginId: "acme.base", range: "^1.0.0", installed: "1.0.0", advisories: [], yanked: false };
const hosts = { http: { hosts: ["a.example.com", "b.example.com"] } };

interface Case {
  readonly finds: Parts;
  readonly passes: Parts;
  readonly says: Record<string, unknown>;
}

const CASES: Readonly<Record<AuditRuleName, Case>> = {
  "package.damaged": {
    finds: objects({ package: original }),
    passes: objects(),
    says: { key: package_, severity: "high", evidence: { digest: package_, found: original, missing: false } },
  },
  "module.original-damaged": {
    finds: objects({ original: null }),
    passes: objects({ package: null }),
    says: { key: original, evidence: { digest: original, found: null, missing: true } },
  },
  "module.rewritten-damaged": {
    finds: objects({ rewritten: null }),
    passes: objects(),
    says: { severity: "critical", remedy: { action: "repair", text: expect.any(String) as string } },
  },
  "files.damaged": {
    finds: objects({ files: original }),
    passes: objects(),
    says: { severity: "critical", remedy: { action: "repair", text: expect.any(String) as string } },
  },
  "snapshot.drift": {
    finds: snapshot("differs", ["limits"]),
    passes: snapshot("current"),
    says: { evidence: { status: "differs", revision: 7, storedRevision: 7, differing: ["limits"] } },
  },
  "snapshot.behind": {
    finds: snapshot("behind"),
    passes: snapshot("missing"),
    says: { severity: "medium", evidence: { revision: 7, storedRevision: 6 } },
  },
  "config.invalid": {
    finds: config({ issues: [{ path: "/limit", message: "must be a number" }] }),
    passes: config(),
    says: { evidence: { revision: 3, places: ["/limit"], unopened: false } },
  },
  "grant.exceeds-manifest": {
    finds: grants({
      asks: { http: { hosts: ["a.example.com"] } },
      records: [grant("http", { asked: { hosts: ["a.example.com", "evil.example.com"] } })],
    }),
    passes: grants({ asks: hosts, records: [grant("http", { asked: { hosts: ["a.example.com"] } })] }),
    says: { key: "http", evidence: { capability: "http", grantedForVersion: "1.0.0", excess: ["evil.example.com"] } },
  },
  "grant.unused": {
    finds: grants({
      asks: { storage: {}, crypto: {} },
      records: [grant("storage"), grant("crypto")],
      sums: [used("storage")],
    }),
    passes: grants({
      asks: { storage: {}, crypto: {} },
      records: [grant("storage"), grant("crypto", { grantedAt: NOW - 13 * DAY_MS })],
      sums: [used("storage")],
    }),
    says: { key: "crypto", severity: "low", remedy: { action: "revoke-grant", text: expect.any(String) as string } },
  },
  "grant.partly-used": {
    finds: grants({ asks: hosts, records: [grant("http")], sums: [used("http"), used("http", "a.example.com")] }),
    passes: grants({
      asks: hosts,
      records: [grant("http")],
      sums: [used("http"), used("http", "a.example.com"), used("http", "b.example.com")],
    }),
    says: { key: "http", evidence: { capability: "http", unused: ["b.example.com"], periodDays: 30 } },
  },
  "error-rate.regression": {
    finds: calls({ errorRate: 0.3 }),
    passes: calls({ errorRate: 0.03 }),
    says: { key: "f0", severity: "high" },
  },
  "latency.regression": { finds: calls({ medianMs: 120 }), passes: calls({ medianMs: 44 }), says: { key: "f0" } },
  "fuel.regression": { finds: calls({ fuel: 4_000_000 }), passes: calls({ fuel: 2_100_000 }), says: { key: "f0" } },
  "memory.growth": {
    finds: calls({ memory: 9 * 1_048_576 }),
    passes: calls({ memory: 4.2 * 1_048_576 }),
    says: { key: "f0" },
  },
  "version.known-bad": {
    finds: version({ knownBad: [{ digest: original, what: "a miner" }] }),
    passes: version(),
    says: { severity: "critical", remedy: { action: "quarantine", text: expect.any(String) as string } },
  },
  "version.vulnerable": {
    finds: version({ advisories: [advisory] }),
    passes: version({ dependencies: [{ ...dependency, advisories: [advisory] }] }),
    says: { key: advisory.advisoryId, severity: "critical" },
  },
  "version.yanked": {
    finds: version({ yanked: { at: 5, reason: "loses orders" }, newer: "1.2.1" }),
    passes: version({ newer: "1.2.1" }),
    says: { evidence: { version: "1.2.0", yankedAt: 5, reason: "loses orders", newer: "1.2.1" } },
  },
  "version.outdated": {
    finds: version({ newer: "1.2.1" }),
    passes: version(),
    says: { severity: "info", evidence: { version: "1.2.0", newer: "1.2.1" } },
  },
  "dependency.vulnerable": {
    finds: version({ dependencies: [{ ...dependency, advisories: [advisory] }] }),
    passes: version({ dependencies: [dependency] }),
    says: { key: `acme.base ${advisory.advisoryId}`, severity: "critical" },
  },
  "dependency.yanked": {
    finds: version({ dependencies: [{ ...dependency, yanked: true }] }),
    passes: version({ dependencies: [dependency] }),
    says: { key: "acme.base", severity: "medium" },
  },
  "key.expiring": {
    finds: { keys: [{ id: "k", name: "ci", expiresAt: NOW + 2 * DAY_MS }] },
    passes: {
      keys: [
        { id: "k", name: "ci", expiresAt: NOW + 15 * DAY_MS },
        { id: "l", name: "old", expiresAt: NOW - 1 },
      ],
    },
    says: { key: "k", severity: "high", evidence: { keyId: "k", name: "ci", expiresAt: NOW + 2 * DAY_MS } },
  },
  "webhook-secret.ending": {
    finds: { replacedSecrets: [{ id: "webhook-signing", name: "", expiresAt: NOW + 3_600_000 }] },
    passes: { replacedSecrets: [{ id: "webhook-signing", name: "", expiresAt: NOW + 7 * 3_600_000 }] },
    says: { severity: "low" },
  },
  "breaker.flapping": {
    finds: { breaker: { opened: 4 } },
    passes: { breaker: { opened: 3 } },
    says: { severity: "high", remedy: { action: "safe-mode", text: expect.any(String) as string } },
  },
  "install.failed": {
    finds: { state: { state: "error", since: 9 } },
    passes: { state: { state: "inactive", since: 9 } },
    says: { evidence: { since: 9 }, remedy: { action: "restart", text: expect.any(String) as string } },
  },
};

describe.each(AUDIT_RULE_NAMES)("%s", (name) => {
  const { finds, passes, says } = CASES[name];
  const found = (parts: Parts) => judge({ now: NOW, parts }).findings.filter(({ rule }) => rule === name);

  test("finds what it is for", () => {
    const { remedy, severity } = AUDIT_RULES[name];
    expect(found(finds)).toEqual([
      expect.objectContaining({ rule: name, severity, remedy, evidence: expect.any(Object) as object, ...says }),
    ]);
  });

  test("passes what is well", () => {
    expect(found(passes)).toEqual([]);
  });

  test("judges nothing without its facts, so that nothing is taken for fixed", () => {
    const judgement = judge({ now: NOW, parts: {} });
    expect(judgement.findings).toEqual([]);
    expect(wasJudged(judgement, name, "")).toBe(false);
    expect(wasJudged(judge({ now: NOW, parts: passes }), name, "")).toBe(true);
  });
});

test("a change of a few calls is not judged, and what was found of them stays", () => {
  const [one] = callsOf(seeded(1), STEADY, { errorRate: 0.5 });
  if (!one?.recent) throw new Error("no sample");
  const few = { ...one, recent: { ...one.recent, calls: 29, failed: 20 } };
  const judgement = judge({ now: NOW, parts: { calls: [few] } });
  expect(judgement.findings.filter(({ rule }) => rule === "error-rate.regression")).toEqual([]);
  expect(wasJudged(judgement, "error-rate.regression", "f0")).toBe(false);
  expect(wasJudged(judgement, "error-rate.regression", "f1")).toBe(true);
});

test("a regression that came with a version is answered by going back, with the recording that shows it", () => {
  const [one] = callsOf(seeded(1), STEADY, { errorRate: 0.5 });
  if (!one?.recent) throw new Error("no sample");
  const recent = { ...one.recent, versions: ["2.0.0"], failedId: "01J00000000000000000000009" };
  const [finding] = judge({ now: NOW, parts: { calls: [{ ...one, recent }] } }).findings;
  expect(finding).toMatchObject({
    rule: "error-rate.regression",
    remedy: { action: "rollback" },
    recordingId: "01J00000000000000000000009",
  });
});

test("what was made from damaged bytes cannot be repaired", () => {
  const { findings } = judge({ now: NOW, parts: objects({ package: null, rewritten: null, files: null }) });
  expect(findings.map(({ rule, remedy }) => [rule, remedy.action])).toEqual([
    ["package.damaged", "update"],
    ["module.rewritten-damaged", "rollback"],
    ["files.damaged", "rollback"],
  ]);
});

test("ids are names, texts are there, and the severities that are told follow the setting", () => {
  for (const [name, { title, remedy }] of Object.entries<AuditRule>(AUDIT_RULES)) {
    expect(name).toMatch(/^[a-z]+(-[a-z]+)*\.[a-z]+(-[a-z]+)*$/);
    expect(title.length).toBeGreaterThan(10);
    expect(remedy.text).toMatch(/\.$/);
  }
  const severities = ["critical", "high", "medium", "low", "info"] as const;
  const told = (level: Parameters<typeof isTold>[1]) => severities.filter((severity) => isTold(severity, level)).length;
  expect([told("none"), told("errors"), told("warnings"), told("all")]).toEqual([0, 2, 3, 5]);
  expect(countBySeverity([{ severity: "high" }, { severity: "high" }, { severity: "info" }])).toEqual({
    critical: 0,
    high: 2,
    medium: 0,
    low: 0,
    info: 1,
  });
});
