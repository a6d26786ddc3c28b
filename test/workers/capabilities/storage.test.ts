import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { storageOf } from "../../../durable-objects/plugin-storage/client.ts";
import { ValueSeal } from "../../../worker/execution/sealed-value.ts";
import { freshKeyRing } from "../../support/workers/key-rings.ts";
import { text } from "../../support/guests/guest-isolate.ts";
import { ask, askBody, type AskOptions } from "../../support/guests/platform-guest.ts";
import { NOW } from "../../support/guests/sandbox-call.ts";

const GRANTS = { storage: {}, cache: {} };
let installs = 0;

/** An install of its own for each test. */
function owner(tenantId = "demo"): AskOptions & { readonly context: { tenantId: string; installId: string } } {
  return { context: { tenantId, installId: `install-${++installs}` } };
}

describe("storage", () => {
  test("keeps what is set, until it is deleted", async () => {
    const mine = owner();
    expect(await ask("storage_get", { key: "a" }, GRANTS, "", mine)).toEqual({ value: { found: false } });
    expect(await ask("storage_set", { key: "a" }, GRANTS, "one", mine)).toEqual({
      value: { stored: true, revision: 1 },
    });
    expect(await ask("storage_get", { key: "a" }, GRANTS, "", mine)).toEqual({
      value: { found: true, revision: 1, expiresAt: null },
    });
    expect(text(await askBody("storage_get", { key: "a" }, GRANTS, "", mine))).toBe("one");
    expect(await ask("storage_delete", { key: "a" }, GRANTS, "", mine)).toEqual({ value: { deleted: true } });
    expect(await ask("storage_delete", { key: "a" }, GRANTS, "", mine)).toEqual({ value: { deleted: false } });
  });

  test("keeps bytes as they are, none included", async () => {
    const mine = owner();
    const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    await ask("storage_set", { key: "all" }, GRANTS, bytes, mine);
    expect(await askBody("storage_get", { key: "all" }, GRANTS, "", mine)).toEqual(bytes);
    await ask("storage_set", { key: "none" }, GRANTS, "", mine);
    expect(await askBody("storage_get", { key: "none" }, GRANTS, "", mine)).toEqual(new Uint8Array());
  });

  test("compares and sets", async () => {
    const mine = owner();
    const set = (ifRevision: number, body: string) => ask("storage_set", { key: "n", ifRevision }, GRANTS, body, mine);
    expect(await set(0, "first")).toEqual({ value: { stored: true, revision: 1 } });
    expect(await set(0, "again")).toEqual({ value: { stored: false, revision: 1 } });
    expect(await set(1, "second")).toEqual({ value: { stored: true, revision: 2 } });
    expect(await ask("storage_delete", { key: "n", ifRevision: 1 }, GRANTS, "", mine)).toEqual({
      value: { deleted: false, revision: 2 },
    });
    expect(text(await askBody("storage_get", { key: "n" }, GRANTS, "", mine))).toBe("second");
  });

  test("lets one of many who set at once win", async () => {
    const mine = owner();
    const answers = await Promise.all(
      ["a", "b", "c", "d"].map((body) => ask("storage_set", { key: "lock", ifRevision: 0 }, GRANTS, body, mine)),
    );
    expect(answers.filter(({ value }) => value?.["stored"] === true)).toHaveLength(1);
  });

  test("lists by prefix, in pages", async () => {
    const mine = owner();
    for (const key of ["user/1", "user/2", "user/3", "user0", "use", "user/é", "user/\u{1f600}"]) {
      await ask("storage_set", { key }, GRANTS, "x", mine);
    }
    const keysOf = async (request: object): Promise<unknown> => {
      const { value = {} } = await ask("storage_list", request, GRANTS, "", mine);
      return [(value["keys"] as { key: string }[]).map(({ key }) => key), value["more"]];
    };
    expect(await keysOf({ prefix: "user/", limit: 2 })).toEqual([["user/1", "user/2"], true]);
    expect(await keysOf({ prefix: "user/", after: "user/2" })).toEqual([["user/3", "user/é", "user/\u{1f600}"], false]);
    expect(await keysOf({ prefix: "user/\u{1f600}" })).toEqual([["user/\u{1f600}"], false]);
    expect(await keysOf({ prefix: "nobody" })).toEqual([[], false]);
  });

  test("forgets what has expired, and deletes it", async () => {
    const mine = owner();
    await ask("storage_set", { key: "brief", ttlMs: 1_000 }, GRANTS, "x", mine);
    const stub = storageOf(env.PLUGIN_STORAGE, mine.context);
    expect(await stub.get("storage", "brief", NOW + 999)).toMatchObject({ revision: 1, expiresAt: NOW + 1_000 });
    expect(await stub.get("storage", "brief", NOW + 1_000)).toBeUndefined();
    expect((await stub.list("storage", "", "", 10, NOW + 1_000)).entries).toEqual([]);
  });

  test("is rid of what has expired by an alarm", async () => {
    const stub = storageOf(env.PLUGIN_STORAGE, owner().context);
    const value = new Uint8Array(10);
    await stub.write("storage", [{ key: "old", value, expiresAt: 1, ifRevision: undefined }], 1e6, 0);
    await runDurableObjectAlarm(stub);
    expect(await stub.used("storage")).toBe(0);
  });

  test("survives the object's eviction", async () => {
    const mine = owner();
    await ask("storage_set", { key: "a" }, GRANTS, "still here", mine);
    await evictDurableObject(storageOf(env.PLUGIN_STORAGE, mine.context));
    expect(text(await askBody("storage_get", { key: "a" }, GRANTS, "", mine))).toBe("still here");
  });

  test("is another for each install and tenant", async () => {
    const [mine, theirs] = [owner(), owner()];
    await ask("storage_set", { key: "a" }, GRANTS, "mine", mine);
    expect(await ask("storage_get", { key: "a" }, GRANTS, "", theirs)).toEqual({ value: { found: false } });
    const sameInstall = { context: { ...mine.context, tenantId: "other" } };
    expect(await ask("storage_get", { key: "a" }, GRANTS, "", sameInstall)).toEqual({ value: { found: false } });
  });

  test("holds nothing that can be read without the keys, nor moved to another place", async () => {
    const mine = owner();
    const secret = "a secret that must not be seen";
    await ask("storage_set", { key: "a" }, GRANTS, secret, mine);
    const stub = storageOf(env.PLUGIN_STORAGE, mine.context);
    const stored = await runInDurableObject(stub, (_object, state) => [
      ...state.storage.sql.exec<{ value: ArrayBuffer }>("SELECT value FROM entries"),
    ]);
    const bytes = new Uint8Array(stored[0]?.value ?? new ArrayBuffer());
    expect(new TextDecoder().decode(bytes)).not.toContain(secret.slice(0, 8));
    await stub.write("storage", [{ key: "b", value: bytes, expiresAt: null, ifRevision: undefined }], 1e6, NOW);
    expect((await ask("storage_get", { key: "b" }, GRANTS, "", mine)).error?.code).toBe("VALUE_UNREADABLE");
  });

  test("refuses values and sums over the quota, with nothing changed", async () => {
    const mine = owner();
    const grants = { storage: { quotas: { bytes: 600, valueBytes: 200 } } };
    const set = (key: string, bytes: number) => ask("storage_set", { key }, grants, "x".repeat(bytes), mine);
    expect((await set("large", 201)).error).toMatchObject({
      code: "CAPABILITY_QUOTA_EXCEEDED",
      message: expect.stringContaining("storage.valueBytes") as string,
    });
    expect(await set("a", 200)).toHaveProperty("value");
    expect((await set("b", 200)).error).toMatchObject({
      code: "CAPABILITY_QUOTA_EXCEEDED",
      message: expect.stringContaining("storage.bytes") as string,
    });
    expect(await set("a", 190)).toHaveProperty("value");
    expect(await ask("storage_get", { key: "b" }, grants, "", mine)).toEqual({ value: { found: false } });
  });

  test.each([
    [{ key: "" }, "key"],
    [{ key: "k".repeat(1_025) }, "key"],
    [{ key: "a", ttlMs: 0 }, "ttlMs"],
    [{ key: "a", ifRevision: -1 }, "ifRevision"],
    [{}, "key"],
  ])("refuses %j", async (request, field) => {
    const { error } = await ask("storage_set", request, GRANTS, "x", owner());
    expect(error?.code).toBe("HOST_REQUEST_INVALID");
    expect(error?.message).toContain(field);
  });

  test("without a grant is refused", async () => {
    expect((await ask("storage_get", { key: "a" }, {}, "", owner())).error?.code).toBe("GRANT_MISSING");
  });
});

describe("cache", () => {
  test("keeps for a while, and makes room by dropping what was unused for longest", async () => {
    const mine = owner();
    const grants = { cache: { quotas: { bytes: 1_000 } } };
    const set = (key: string) => ask("cache_set", { key }, grants, "x".repeat(100), mine);
    for (const key of ["a", "b", "c"]) await set(key);
    const stub = storageOf(env.PLUGIN_STORAGE, mine.context);
    await stub.get("cache", "a", NOW + 5);
    await set("d");
    const left = (await stub.list("cache", "", "", 10, NOW)).entries.map(({ key }) => key);
    expect(left).toContain("a");
    expect(left).toContain("d");
    expect(left).not.toContain("b");
    expect(await stub.used("cache")).toBeLessThanOrEqual(1_000);
  });

  test("has a default time to live, and is apart from storage", async () => {
    const mine = owner();
    await ask("cache_set", { key: "a" }, GRANTS, "cached", mine);
    expect(await ask("cache_get", { key: "a" }, GRANTS, "", mine)).toEqual({
      value: { found: true, expiresAt: NOW + 300_000 },
    });
    expect(text(await askBody("cache_get", { key: "a" }, GRANTS, "", mine))).toBe("cached");
    expect(await ask("storage_get", { key: "a" }, GRANTS, "", mine)).toEqual({ value: { found: false } });
    expect(await ask("cache_delete", { key: "a" }, GRANTS, "", mine)).toEqual({ value: { deleted: true } });
    expect((await ask("cache_set", { key: "a", ttlMs: 86_400_001 }, GRANTS, "x", mine)).error?.message).toContain(
      "ttlMs",
    );
  });
});

test("a value sealed before the keys were rotated can be read after", async () => {
  const randomBytes = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));
  const [old, fresh] = [freshKeyRing("k1"), freshKeyRing("k2")];
  const sealed = await new ValueSeal(JSON.stringify(old), randomBytes).seal(new Uint8Array([1, 2, 3]), ["a"]);
  const rotated = JSON.stringify({ current: "k2", keys: { ...old.keys, ...fresh.keys } });
  expect(await new ValueSeal(rotated, randomBytes).open(sealed, ["a"])).toEqual(new Uint8Array([1, 2, 3]));
  await expect(new ValueSeal(JSON.stringify(fresh), randomBytes).open(sealed, ["a"])).rejects.toMatchObject({
    code: "VALUE_UNREADABLE",
  });
});
