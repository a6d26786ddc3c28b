import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import { storageOf } from "../../../durable-objects/plugin-storage/client.ts";
import type { Snapshot } from "../../../worker/execution/snapshot.ts";
import { VARIABLES_BYTES } from "../../../worker/execution/kept-variables.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { callGuest, settledApi } from "../recording/recorded-calls.ts";
import { installGuests } from "./guest-installs.ts";

/** Variables that outlive a call, of installs that ask for it. */

const snapshots = new Map<string, Snapshot>();

beforeAll(async () => {
  for (const tenant of ["keeper", "neighbour"]) {
    const plain = { guest: "vars", pluginId: "plain" };
    const kept = ["kept", "failing", "full", "busy", "replayed", "sealed", "empty"].map((pluginId) => ({
      guest: "vars",
      pluginId,
      persistVariables: true as const,
    }));
    const warm = { guest: "vars", pluginId: "warm", warm: true, persistVariables: true as const };
    snapshots.set(tenant, await installGuests(tenant, [plain, ...kept, warm]));
  }
});

function call(pluginId: string, functionName: string, input = "", tenant = "keeper", bindings: Partial<Env> = {}) {
  const snapshot = snapshots.get(tenant);
  if (!snapshot) throw new Error(`no tenant ${tenant}`);
  return callGuest(snapshot, { pluginId, functionName, input, bindings });
}

async function answer(...parameters: Parameters<typeof call>): Promise<string> {
  const { outcome } = await call(...parameters);
  return outcome.failure?.code ?? new TextDecoder().decode(outcome.output);
}

function storedBy(pluginId: string) {
  return storageOf(env.PLUGIN_STORAGE, { tenantId: "keeper", installId: `keeper-${pluginId}` });
}

describe("an install that keeps its variables", () => {
  test("finds what its last call left, and no other install's", async () => {
    expect(await answer("kept", "peek")).toBe("PLUGIN_ERROR");
    expect(await answer("kept", "run", "one")).toBe("one");
    expect(await answer("kept", "peek")).toBe("one");
    expect(await answer("empty", "peek")).toBe("PLUGIN_ERROR");
    expect(await answer("kept", "peek", "", "neighbour")).toBe("PLUGIN_ERROR");
    expect(await answer("kept", "run", "two")).toBe("two");
    expect(await answer("kept", "peek")).toBe("two");
  });

  test("leaves nothing of a call that fails", async () => {
    expect(await answer("failing", "run", "before")).toBe("before");
    expect(await answer("failing", "remove", "after")).toBe("PLUGIN_ERROR");
    expect(await answer("failing", "peek")).toBe("before");
  });

  test("fails where they grow too large, and keeps what there was", async () => {
    expect(await answer("full", "run", "small")).toBe("small");
    const { outcome } = await call("full", "run", "x".repeat(VARIABLES_BYTES));
    expect(outcome).toMatchObject({ output: undefined, failure: { code: "CAPABILITY_QUOTA_EXCEEDED" } });
    expect(outcome.failure?.limit).toMatchObject({ name: "variables", allowed: VARIABLES_BYTES });
    expect(await answer("full", "peek")).toBe("small");
  });

  test("keeps the keys of all calls that ran at once", async () => {
    const keys = ["a", "b", "c", "__proto__"];
    await Promise.all(keys.map((key) => call("busy", "set_key", key)));
    const stored = await storedBy("busy").all("variables", Date.now());
    expect(stored.map(({ key }) => key).sort()).toEqual([...keys].sort());
    expect(await answer("busy", "run", "after all")).toBe("after all");
  });

  test("writes nothing where nothing was changed, and only what was", async () => {
    await call("replayed", "run", "first");
    const revisionOf = async () => (await storedBy("replayed").get("variables", "k", Date.now()))?.revision;
    const before = await revisionOf();
    await call("replayed", "peek");
    expect(await revisionOf()).toBe(before);
    await call("replayed", "set_key", "other");
    expect(await revisionOf()).toBe(before);
  });

  test("is replayed with what its variables were then", async () => {
    await call("replayed", "run", "then");
    const { record } = await call("replayed", "peek");
    await call("replayed", "run", "now");
    const token = await mintToken({ tenant: "keeper", roles: ["admin"] });
    const { body } = await settledApi("POST", `/api/plugins/executions/${record.id}/replay`, { token });
    expect(body).toMatchObject({ same: true });
    expect(await answer("replayed", "peek")).toBe("now");
  });

  test("stores them sealed", async () => {
    await call("sealed", "run", "a secret to be sealed");
    const rows = await runInDurableObject(storedBy("sealed"), (_object, { storage }) => [
      ...storage.sql.exec<{ value: ArrayBuffer }>("SELECT value FROM entries"),
    ]);
    expect(rows).toHaveLength(1);
    expect(new TextDecoder().decode(rows[0]?.value)).not.toContain("secret");
  });

  test("also where it keeps instances: what is stored holds", async () => {
    expect(await answer("warm", "run", "stored")).toBe("stored");
    const { outcome } = await call("warm", "peek");
    expect(new TextDecoder().decode(outcome.output)).toBe("stored");
  });
});

test("an install that does not keep them reaches no Durable Object for them", async () => {
  const unreachable = new Proxy({} as typeof env.PLUGIN_STORAGE, {
    get: () => {
      throw new Error("nobody may ask");
    },
  });
  const bindings = { PLUGIN_STORAGE: unreachable };
  expect(await answer("plain", "run", "mine", "keeper", bindings)).toBe("mine");
  expect(await answer("plain", "peek", "", "keeper", bindings)).toBe("PLUGIN_ERROR");
  await expect(call("kept", "peek", "", "keeper", bindings)).rejects.toThrow("nobody may ask");
});
