import { describe, expect, test } from "vitest";
import { DEFAULT_LIMITS, LIMITS, MODULE_LIMITS, type LimitName, type Limits } from "../../../sdk/contract/limits.ts";
import { PLANS } from "../../../sdk/contract/plans.ts";
import {
  buildSnapshot,
  chooseDefaultFunction,
  effectiveLimits,
  type InstallRecord,
  type KeyRecord,
  type TenantRecord,
} from "../../../worker/control/snapshot-rules.ts";

const MIB = 1024 * 1024;
const pro = PLANS.pro.ceilings;

const install: InstallRecord = {
  installId: "01J00000000000000000000001",
  pluginId: "acme.echo",
  state: "active",
  config: { greeting: "hello" },
  configRevision: 3,
  secrets: {},
  limits: {},
  reuse: "fresh",
  persistVariables: false,
  safeMode: false,
  generation: 0,
  hooks: {},
  fallback: null,
  validate: "off",
  updatedAt: 5_000,
  version: "1.2.3",
  versionState: "validated",
  rewrittenDigest: "a".repeat(64),
  rewriterVersion: "1",
  moduleBytes: 1234,
  functions: ["run"],
  suspends: false,
  streams: false,
  manifestFunction: undefined,
  manifestLimits: {},
  asking: {
    permissions: [{ capability: "http", hosts: ["api.example.com"] }, { capability: "storage" }],
    events: { publishes: [], subscribes: [] },
    services: { provides: [], requires: [] },
  },
  offering: {},
  granted: [],
};

const tenant: TenantRecord = {
  id: "acme",
  plan: "pro",
  status: "active",
  revision: 7,
  installs: [install],
  keys: [],
  members: [],
};

describe("an install in safe mode", () => {
  const record: InstallRecord = {
    ...install,
    reuse: "warm",
    generation: 4,
    granted: [{ capability: "storage", asked: {}, granted: {} }],
  };
  const compiled = (safeMode: boolean) =>
    buildSnapshot({ ...tenant, installs: [{ ...record, safeMode }] }, 0).installs["acme.echo"];

  test("has no grants, no kept instances and half of each limit that is not built into its module", () => {
    const [usual, safe] = [compiled(false), compiled(true)];
    expect(usual).toMatchObject({ grants: { storage: {} }, warm: { revision: 5_000 }, generation: 4 });
    expect(usual).not.toHaveProperty("safeMode");
    expect(safe).toMatchObject({ grants: {}, safeMode: true, generation: 4 });
    expect(safe).not.toHaveProperty("warm");
    for (const name of Object.keys(LIMITS) as LimitName[]) {
      const limit = usual?.limits[name] ?? 0;
      expect([name, safe?.limits[name]]).toEqual([name, MODULE_LIMITS.has(name) ? limit : Math.floor(limit / 2)]);
    }
  });
});

describe("effectiveLimits", () => {
  test.each<[string, LimitName, Partial<Limits>, Partial<Limits>, Limits, number]>([
    ["nothing given: the default", "fuel", {}, {}, pro, LIMITS.fuel.default],
    ["the manifest asks for more than the default", "fuel", { fuel: 5e9 }, {}, pro, 5e9],
    ["the manifest asks for less than the default", "fuel", { fuel: 10 }, {}, pro, 10],
    ["the install narrows the manifest", "fuel", { fuel: 5e9 }, { fuel: 2e9 }, pro, 2e9],
    ["the install narrows the default", "memory", {}, { memory: 1 * MIB }, pro, 1 * MIB],
    ["the install cannot widen the manifest", "fuel", { fuel: 10 }, { fuel: 5e9 }, pro, 10],
    ["the install cannot widen the default", "output", {}, { output: 25 * MIB }, pro, 1 * MIB],
    ["the plan caps the manifest", "fuel", { fuel: 100e9 }, {}, PLANS.free.ceilings, 10e9],
    ["the plan caps the install", "fuel", { fuel: 100e9 }, { fuel: 50e9 }, PLANS.free.ceilings, 10e9],
    ["the plan caps even the default", "hostCalls", {}, {}, { ...pro, hostCalls: 3 }, 3],
    ["zero is zero in the manifest", "hostCalls", { hostCalls: 0 }, {}, pro, 0],
    ["zero is zero in the install", "hostCalls", { hostCalls: 9 }, { hostCalls: 0 }, pro, 0],
    ["zero is zero in the plan", "hostCalls", {}, {}, { ...pro, hostCalls: 0 }, 0],
  ])("%s", (_case, name, manifest, narrowed, ceilings, expected) => {
    const limits = effectiveLimits(manifest, narrowed, ceilings);
    expect(limits[name]).toBe(expected);
    expect(Object.keys(limits)).toEqual(Object.keys(LIMITS));
  });

  test("limits that nobody mentions keep their defaults", () => {
    expect(effectiveLimits({ fuel: 5 }, { memory: 65_536 }, pro)).toEqual({
      ...DEFAULT_LIMITS,
      fuel: 5,
      memory: 65_536,
    });
  });
});

test.each([
  ["the manifest's choice wins", "b", ["a", "b"], "b"],
  ["the only function", undefined, ["run"], "run"],
  ["several and no choice", undefined, ["a", "b"], undefined],
  ["no function at all", undefined, [], undefined],
])("default function: %s", (_case, manifestFunction, functions, expected) => {
  expect(chooseDefaultFunction(manifestFunction, functions)).toBe(expected);
});

describe("buildSnapshot", () => {
  test("holds everything that a call needs", () => {
    expect(buildSnapshot({ ...tenant, members: [{ subject: "ann", roles: ["viewer"] }] }, 1_000)).toEqual({
      format: 1,
      tenantId: "acme",
      status: "active",
      revision: 7,
      compiledAt: 1_000,
      installs: {
        "acme.echo": {
          installId: "01J00000000000000000000001",
          pluginId: "acme.echo",
          version: "1.2.3",
          state: "active",
          rewrittenDigest: "a".repeat(64),
          rewriterVersion: "1",
          moduleBytes: 1234,
          functions: ["run"],
          defaultFunction: "run",
          suspends: false,
          limits: DEFAULT_LIMITS,
          config: { greeting: "hello" },
          configRevision: 3,
          grants: {},
        },
      },
      keys: {},
      members: { ann: ["viewer"] },
    });
  });

  test("grants of an install are those that were given, and nothing that is only asked for", () => {
    const granted = [{ capability: "http", asked: {}, granted: { quotas: { requests: 3 } } }] as const;
    const { installs } = buildSnapshot({ ...tenant, installs: [{ ...install, granted }] }, 1_000);
    expect(installs["acme.echo"]?.grants).toEqual({ http: { hosts: ["api.example.com"], quotas: { requests: 3 } } });
  });

  test.each<[string, Partial<KeyRecord>, boolean]>([
    ["without an end", { expiresAt: null }, true],
    ["that ends later", { expiresAt: 1_001 }, true],
    ["that ends now", { expiresAt: 1_000 }, false],
    ["that ended", { expiresAt: 999 }, false],
    ["that was revoked", { revokedAt: 500 }, false],
  ])("a key %s", (_case, change, kept) => {
    const key: KeyRecord = {
      keyId: "k1",
      secretHash: "b".repeat(64),
      roles: ["caller"],
      expiresAt: null,
      revokedAt: null,
      ...change,
    };
    const { keys } = buildSnapshot({ ...tenant, keys: [key] }, 1_000);
    expect(keys).toEqual(
      kept ? { k1: { secretHash: key.secretHash, roles: ["caller"], expiresAt: key.expiresAt } } : {},
    );
  });

  test("an install of a quarantined version is quarantined, whatever its own state", () => {
    const { installs } = buildSnapshot({ ...tenant, installs: [{ ...install, versionState: "quarantined" }] }, 1_000);
    expect(installs["acme.echo"]?.state).toBe("quarantined");
  });

  test("names of the language's own properties are ordinary names", () => {
    const snapshot = buildSnapshot(
      {
        ...tenant,
        installs: [{ ...install, pluginId: "constructor" }],
        members: [{ subject: "__proto__", roles: ["admin"] }],
      },
      1_000,
    );
    const read = JSON.parse(JSON.stringify(snapshot)) as typeof snapshot;
    expect(Object.keys(read.installs)).toEqual(["constructor"]);
    expect(Object.getOwnPropertyDescriptor(read.members, "__proto__")?.value).toEqual(["admin"]);
  });
});

describe("an install whose calls are held against the manifest", () => {
  const described = { functions: { run: { input: { contentType: "text/plain" } } }, types: { A: {} } };
  const compiled = (record: Partial<InstallRecord>) =>
    buildSnapshot({ ...tenant, installs: [{ ...install, ...record }] }, 0).installs["acme.echo"];

  test("has what the manifest says, and no other has", () => {
    expect(compiled({ validate: "input", described })?.validation).toEqual({ mode: "input", ...described });
    expect(compiled({ validate: "input" })).not.toHaveProperty("validation");
    expect(compiled({ validate: "off", described })).not.toHaveProperty("validation");
  });

  test("holds calls of a version on trial against what that version says", () => {
    const { config: _config, secrets: _secrets, validate: _mode, ...facts } = install;
    const canary = { share: 100, salt: "s", assignBy: "call" } as const;
    const tried = (more: object) =>
      compiled({ validate: "both", described, canary: { ...canary, facts: { ...facts, ...more } } })?.canary?.candidate;
    expect(tried({})).not.toHaveProperty("validation");
    expect(tried({ described: { functions: {} } })).toMatchObject({ validation: { mode: "both", functions: {} } });
  });
});

/** What a snapshot may hold: a change of it changes SNAPSHOT_COMPILER (worker/control/compile.ts) too, or stored ones stay as they are. */
test("members of a snapshot, of compiler 3", () => {
  const full: InstallRecord = {
    ...install,
    secrets: {},
    streams: true,
    parts: { modules: {}, files: {} } as never, // passed on as it is
    reuse: "warm",
    persistVariables: true,
    generation: 1,
    fallback: { value: 1 },
    validate: "both",
    described: { functions: { run: { input: { schema: { type: "object" } } } } },
    asking: { ...install.asking, events: { publishes: ["a"], subscribes: [{ topic: "b", function: "run" }] } },
    offering: {
      hooks: [{ name: "a:b", function: "run", class: "business", priority: 1, criticality: "optional" }],
      lifecycle: { priority: 1 },
      webhooks: { incoming: [{ name: "in", function: "run", scheme: "standard", secret: "s" }] },
    },
    hooks: { "a:b": { priority: 2 } },
  };
  const snapshot = buildSnapshot({ ...tenant, installs: [full] }, 0);
  expect(Object.keys(snapshot).sort().join(" ")).toBe(
    "compiledAt format installs keys members offers revision status tenantId",
  );
  expect(
    Object.keys(snapshot.installs["acme.echo"] ?? {})
      .sort()
      .join(" "),
  ).toBe(
    "config configRevision defaultFunction fallback functions generation grants incoming installId lifecycle limits moduleBytes " +
      "parts persistVariables pluginId rewriterVersion rewrittenDigest state streams suspends topics validation version warm",
  );
  expect(
    Object.keys(snapshot.offers?.hooks?.["a:b"]?.[0] ?? {})
      .sort()
      .join(" "),
  ).toBe("class criticality functionName pluginId priority set");
});
