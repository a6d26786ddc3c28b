import { describe, expect, test } from "vitest";
import { ERASURE_STEPS, NOTHING_ERASED, type Erasure } from "../../../worker/control/erasures/erasure-record.ts";
import {
  afterFailure,
  afterPass,
  afterStep,
  LATE_WRITES_MS,
  namesTenant,
  prefixesOf,
  SETTLED_MS,
} from "../../../worker/control/erasures/rules.ts";

const erasure: Erasure = {
  tenantId: "acme",
  status: "running",
  requestedBy: "root",
  startedAt: 1_000,
  finishedAt: null,
  dueAt: 0,
  failures: 2,
  progress: { step: "key", after: "" },
  installs: ["a"],
  counts: NOTHING_ERASED,
  remaining: [],
  updatedAt: 1_000,
};

describe("a pass", () => {
  test("takes the steps in their order, and each from where it stopped", () => {
    const steps = ERASURE_STEPS.map((step) => ({ ...erasure, progress: { step, after: "x" } }));
    expect(steps.slice(0, -1).map((at) => afterStep(at, undefined, {}, 2_000).progress?.step)).toEqual(
      ERASURE_STEPS.slice(1),
    );
    const next = { step: "rows", after: "plugins" } as const;
    expect(afterStep(erasure, next, { rows: 3 }, 2_000)).toMatchObject({
      progress: next,
      failures: 0,
      counts: { rows: 3 },
    });
  });

  test("is repeated when late writes have ended, and when all that ends by itself has", () => {
    expect(afterPass(erasure, [], 2_000)).toMatchObject({ status: "settling", dueAt: 1_000 + LATE_WRITES_MS });
    expect(afterPass(erasure, [], 1_000 + LATE_WRITES_MS)).toMatchObject({ dueAt: 1_000 + SETTLED_MS });
    const late = 1_000 + SETTLED_MS;
    expect(afterPass(erasure, [], late)).toMatchObject({ status: "completed", finishedAt: late, installs: [] });
  });

  test("that finds something is no end, however late", () => {
    const late = 1_000 + 2 * SETTLED_MS;
    expect(afterPass(erasure, ["1 rows of x"], late)).toMatchObject({ status: "settling", remaining: ["1 rows of x"] });
  });
});

test("what fails is tried again, ever more seldom, at least once an hour", () => {
  expect([0, 1, 2, 20].map((failures) => afterFailure({ ...erasure, failures }, 0).dueAt)).toEqual([
    60_000, 120_000, 240_000, 3_600_000,
  ]);
});

test.each([
  ["snapshots/acme.json", true],
  ["recordings/acme/1", true],
  ["some/later/place/acme", true],
  ["backups/blobs/acme/0a", true],
  ["backups/keys/acme", false],
  ["backups/01M8AT55MDT8QESFTPW5BWFVRD/chunks/000011", false],
  ["recordings/acme-2/1", false],
  ["modules/acme", false],
])("%s names the tenant: %s", (key, names) => {
  expect(namesTenant(key, "acme")).toBe(names);
});

test.each(["chunks", "blobs", "modules", "json", "recordings", "keys"])(
  "a tenant that is called like a place, %s, is not found everywhere",
  (tenantId) => {
    for (const key of [
      "modules/0a.wasm",
      "backups/blobs/0a",
      "recordings/acme/1",
      "backups/keys/acme",
      "snapshots/acme.json",
    ])
      expect([key, namesTenant(key, tenantId)]).toEqual([key, false]);
    for (const prefix of prefixesOf(tenantId)) expect(namesTenant(`${prefix}x`, tenantId)).toBe(true);
  },
);
