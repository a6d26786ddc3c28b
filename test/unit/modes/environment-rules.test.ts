import { describe, expect, test } from "vitest";
import {
  changedParts,
  ENVIRONMENT_PROBES,
  judge,
  type EnvironmentFacts,
  type Fingerprint,
} from "../../../worker/control/environment/rules.ts";

const ring = { current: "k2", ids: ["k1", "k2"] };
const good: Fingerprint = {
  worker: "v1",
  compatibility: "c",
  environment: "production",
  bindings: ["DB", "STORE"],
  schema: { expected: "0002_b.sql", applied: "0002_b.sql" },
  keys: { RECORDING_KEYS: ring, CONFIG_KEYS: ring, DATA_KEYS: ring, BACKUP_KEYS: ring },
};
const facts: EnvironmentFacts = {
  applied: ["0001_a.sql", "0002_b.sql"],
  known: ["0001_a.sql", "0002_b.sql"],
  usedKeys: { CONFIG_KEYS: ["k1"] },
  earlier: [good],
};
const without = { current: "k2", ids: ["k2"] };
const former = {
  ...good,
  keys: { ...good.keys, DATA_KEYS: { current: "k1", ids: ["k1"] }, RECORDING_KEYS: { current: "k1", ids: ["k1"] } },
};

test("a deployment that fits its data has no findings", () => {
  expect(judge(good, facts)).toEqual([]);
});

describe("what does not fit", () => {
  test.each([
    {
      probe: "schema-behind",
      danger: true,
      found: good,
      data: { ...facts, applied: ["0001_a.sql"] },
      detail: "migration 0002_b.sql is not applied",
    },
    {
      probe: "schema-ahead",
      danger: false,
      found: good,
      data: { ...facts, applied: [...facts.applied, "0003_c.sql"] },
      detail: "the database has 1 migrations that this build does not know",
    },
    {
      probe: "key-ring-invalid",
      danger: true,
      found: { ...good, keys: { CONFIG_KEYS: ring, DATA_KEYS: ring, BACKUP_KEYS: ring } },
      data: facts,
      detail: "RECORDING_KEYS cannot be read",
    },
    {
      probe: "key-missing",
      danger: true,
      found: { ...good, keys: { ...good.keys, CONFIG_KEYS: without } },
      data: facts,
      detail: 'CONFIG_KEYS lacks key "k1"',
    },
    {
      probe: "key-missing",
      danger: true,
      found: { ...good, keys: { ...good.keys, DATA_KEYS: without } },
      data: { ...facts, earlier: [good, former] },
      detail: 'DATA_KEYS lacks key "k1"',
    },
    {
      probe: "old-key-missing",
      danger: false,
      found: { ...good, keys: { ...good.keys, RECORDING_KEYS: without } },
      data: { ...facts, earlier: [good, former] },
      detail: 'RECORDING_KEYS lacks key "k1"',
    },
    {
      probe: "binding-missing",
      danger: false,
      found: { ...good, bindings: ["DB"] },
      data: facts,
      detail: "bindings are gone: STORE",
    },
  ])("$probe: $detail", ({ probe, danger, found, data, detail }) => {
    expect(judge(found, data)).toEqual([{ probe, danger, detail }]);
  });

  test("has a case here for each probe", () => {
    expect(ENVIRONMENT_PROBES.map(({ name }) => name)).toEqual([
      "schema-behind",
      "schema-ahead",
      "key-ring-invalid",
      "key-missing",
      "old-key-missing",
      "binding-missing",
    ]);
  });
});

test("says what changed since the deployment before", () => {
  expect(changedParts({ ...good, worker: "v2", bindings: ["DB"] }, good)).toEqual(["worker", "bindings"]);
  expect(changedParts(good, good)).toEqual([]);
});
