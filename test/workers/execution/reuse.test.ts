import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import { createDeps, createResident } from "../../../worker/deps.ts";
import { invoke, type Invocation } from "../../../worker/execution/invoke.ts";
import { isolateId } from "../../../worker/execution/isolate.ts";
import type { Snapshot, SnapshotInstall } from "../../../worker/execution/snapshot.ts";
import { api } from "../../support/workers/api.ts";
import { CountingLoader } from "../../support/workers/counting-loader.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { callGuest } from "../recording/recorded-calls.ts";
import { installGuests } from "./guest-installs.ts";

/** Instances kept for installs that ask for it, and two tenants that run the same modules. */

const TENANTS = ["left", "right"] as const;
type Tenant = (typeof TENANTS)[number];

const snapshots = new Map<Tenant, Snapshot>();

beforeAll(async () => {
  for (const tenant of TENANTS) {
    const config = { key: `config of ${tenant}` };
    const guests = ["tally", "tally-sleep", "vars", "config", "capability", "echo"];
    snapshots.set(
      tenant,
      await installGuests(
        tenant,
        guests.flatMap((guest) => [
          { guest, config },
          { guest, config, pluginId: `${guest}-warm`, warm: true },
        ]),
      ),
    );
  }
});

function snapshotOf(tenant: Tenant): Snapshot {
  const snapshot = snapshots.get(tenant);
  if (!snapshot) throw new Error(`no tenant ${tenant}`);
  return snapshot;
}

function installOf(tenant: Tenant, pluginId: string): SnapshotInstall {
  const install = snapshotOf(tenant).installs[pluginId];
  if (!install) throw new Error(`${pluginId} is not installed`);
  return install;
}

const counting = new CountingLoader();
const resident = createResident();

async function call(tenant: Tenant, pluginId: string, functionName = "run", input = ""): Promise<Invocation> {
  const context = createExecutionContext();
  const deps = createDeps({ ...env, LOADER: counting.loader }, context, undefined, resident);
  const invocation = await invoke(deps, snapshotOf(tenant), {
    pluginId,
    functionName,
    input: new TextEncoder().encode(input),
    options: { logLevel: 0 },
    subject: `subject of ${tenant}`,
    roles: ["caller"],
    traceId: "0".repeat(32),
  });
  await waitOnExecutionContext(context);
  return invocation;
}

async function answer(tenant: Tenant, pluginId: string, functionName?: string, input?: string): Promise<string> {
  const { outcome } = await call(tenant, pluginId, functionName, input);
  return outcome.failure?.code ?? new TextDecoder().decode(outcome.output);
}

describe("an install that keeps instances", () => {
  test("finds its own, and no other tenant's, whose isolate is another", async () => {
    expect([await answer("left", "tally-warm"), await answer("left", "tally-warm")]).toEqual(["111", "122"]);
    expect(await answer("right", "tally-warm")).toBe("111");
    expect(await answer("left", "tally-warm")).toBe("133");
    expect(await answer("left", "tally")).toBe("111");
    const ids = TENANTS.map((tenant) => isolateId(installOf(tenant, "tally-warm"), 0, 0));
    expect(new Set(ids).size).toBe(2);
    expect([...counting.isolates.keys()]).toEqual(expect.arrayContaining(ids));
  });

  test("leaves nothing to another tenant: not in variables, not after a failure", async () => {
    expect(await answer("left", "vars-warm", "run", "secret of left")).toBe("secret of left");
    expect(await answer("right", "vars-warm", "peek")).toBe("PLUGIN_ERROR");
    expect(await answer("left", "vars-warm", "peek")).toBe("secret of left");
    expect(await answer("left", "tally-warm", "trap")).toBe("PLUGIN_TRAPPED");
    expect(await answer("left", "tally-warm")).toBe("111");
  });

  test.each<[string, Partial<SnapshotInstall>]>([
    ["change of the install", { warm: { revision: 2 } }],
    ["change of its grants", { grants: { crypto: {} } }],
  ])("begins anew with each %s", async (_what, change) => {
    await answer("right", "tally-warm");
    const changed = installOf("right", "tally-warm");
    const next = { ...changed, ...change };
    const { installs, ...rest } = snapshotOf("right");
    snapshots.set("right", { ...rest, installs: { ...installs, "tally-warm": next } });
    expect(await answer("right", "tally-warm")).toBe("111");
    expect(isolateId(next, 0, 0)).toBe(isolateId(changed, 0, 0));
  });

  test("is recorded where its instance was new, or it failed; a replay says what it cannot repeat", async () => {
    const token = await mintToken({ tenant: "left", roles: ["admin"] });
    const replay = async ({ record }: Invocation) =>
      api("POST", `/api/plugins/executions/${record.id}/replay`, { token });
    await answer("left", "tally-warm", "trap");
    const first = await callGuest(snapshotOf("left"), { pluginId: "tally-warm" });
    expect((await replay(first)).body).toMatchObject({ same: true });
    const second = await callGuest(snapshotOf("left"), { pluginId: "tally-warm" });
    expect(second.outcome.instanceCall).toBe(2);
    expect((await replay(second)).status).toBe(404);
    const failed = await callGuest(snapshotOf("left"), { pluginId: "tally-warm", functionName: "code" });
    const because = "It was call 3 of an instance that is kept between calls, and a replay begins with a new one.";
    expect((await replay(failed)).body).toMatchObject({ same: false, differences: [{ what: "fuel", because }] });
  });
});

describe("two tenants that run the same module at once", () => {
  const CASES = [
    { pluginId: "config", expected: (tenant: Tenant) => `config of ${tenant}`, input: () => "key" },
    {
      pluginId: "echo",
      expected: (tenant: Tenant) => `input of ${tenant}`,
      input: (tenant: Tenant) => `input of ${tenant}`,
    },
    { pluginId: "tally", expected: () => "111", input: () => "" },
    { pluginId: "tally-sleep", expected: () => "1", input: () => "" },
  ] as const;

  test.each(CASES)("share the isolate of $pluginId and nothing else", async ({ pluginId, expected, input }) => {
    const tenants = Array.from({ length: 12 }, (_, index) => TENANTS[index % 2] ?? "left");
    const answers = await Promise.all(tenants.map((tenant) => answer(tenant, pluginId, "run", input(tenant))));
    expect(answers).toEqual(tenants.map((tenant) => expected(tenant)));
    expect(isolateId(installOf("left", pluginId), 0, 0)).toBe(isolateId(installOf("right", pluginId), 0, 0));
  });

  test.each(["capability", "capability-warm"])("%s is told for whom each call runs, and by whom", async (pluginId) => {
    const tenants = Array.from({ length: 8 }, (_, index) => TENANTS[index % 2] ?? "left");
    const contexts = await Promise.all(tenants.map((tenant) => answer(tenant, pluginId, "context")));
    expect(contexts.map((text) => JSON.parse(text) as unknown)).toEqual(
      tenants.map((tenantId) => expect.objectContaining({ tenantId, subject: `subject of ${tenantId}` }) as unknown),
    );
  });

  test.each(["config-warm", "echo-warm"])(
    "%s: overlapping calls of instances that are kept stay apart too",
    async (pluginId) => {
      const tenants = Array.from({ length: 12 }, (_, index) => TENANTS[index % 2] ?? "left");
      const isConfig = pluginId === "config-warm";
      const input = (tenant: Tenant): string => (isConfig ? "key" : `input of ${tenant}`);
      const answers = await Promise.all(tenants.map((tenant) => answer(tenant, pluginId, "run", input(tenant))));
      expect(answers).toEqual(tenants.map((tenant) => (isConfig ? `config of ${tenant}` : input(tenant))));
    },
  );
});
