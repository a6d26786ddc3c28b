import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import { freshKeyRing } from "./key-rings.ts";
import { seedResources } from "../../support/workers/resources.ts";
import { chunkKey, manifestKey } from "../../../worker/control/backups/archive-store.ts";
import { keepBackups, startBackup, verifyBackup } from "../../../worker/control/backups/actions/manage.ts";
import { evaluateEvents } from "../../../worker/control/alerts/actions/evaluate.ts";
import { changeMode } from "../../../worker/control/modes/actions.ts";
import { createDeps, createResident } from "../../../worker/deps.ts";
import { beyondRetention } from "../../../worker/control/backups/retention-rules.ts";
import { backUp, backupDeps, backupOf, begin, clock, finish, launched } from "./runs.ts";

const admin = { tenantId: "patchbay", subject: "root", roles: ["admin"] } as const;

beforeAll(async () => {
  await seedResources("acme");
});

async function bytesOf(
  key: string,
): Promise<{ bytes: Uint8Array<ArrayBuffer>; customMetadata: Record<string, string> }> {
  const object = await env.STORE.get(key);
  if (!object) throw new Error(`There is no ${key}.`);
  return { bytes: new Uint8Array(await object.arrayBuffer()), customMetadata: object.customMetadata ?? {} };
}

describe("a verification finds", () => {
  test.each<[string, (id: string) => Promise<unknown>, string]>([
    [
      "a flipped bit",
      async (id) => {
        const { bytes, customMetadata } = await bytesOf(chunkKey(id, 0));
        bytes[200] = (bytes[200] ?? 0) ^ 1;
        await env.STORE.put(chunkKey(id, 0), bytes, { customMetadata });
      },
      "chunk 0 (tenant/acme) is damaged",
    ],
    ["a missing chunk", (id) => env.STORE.delete(chunkKey(id, 1)), "is missing"],
    [
      "a truncated object",
      async (id) => {
        const { bytes, customMetadata } = await bytesOf(chunkKey(id, 0));
        await env.STORE.put(chunkKey(id, 0), bytes.subarray(0, -20), { customMetadata });
      },
      "is damaged",
    ],
    [
      "two chunks in each other's place",
      async (id) => {
        const [one, other] = [await bytesOf(chunkKey(id, 0)), await bytesOf(chunkKey(id, 1))];
        await env.STORE.put(chunkKey(id, 0), other.bytes, other);
        await env.STORE.put(chunkKey(id, 1), one.bytes, one);
      },
      "is damaged",
    ],
    ["a missing manifest", (id) => env.STORE.delete(manifestKey(id)), "the manifest is missing"],
  ])("%s, and tells", async (_what, damage, why) => {
    const { id, status } = await backUp({ kind: "tenant", tenantId: "acme" });
    expect(status).toBe("verified");
    await damage(id);
    await verifyBackup(backupDeps(), admin, id);
    await finish({ kind: "backup", id });
    expect(await backupOf(id)).toMatchObject({
      status: "failed",
      verifiedAt: null,
      reason: expect.stringContaining(why) as string,
    });
    const event = await env.DB.prepare(
      "SELECT data FROM plugin_events WHERE type = 'backup.corrupted' ORDER BY sequence DESC LIMIT 1",
    ).first<{ data: string }>();
    expect(JSON.parse(event?.data ?? "{}")).toMatchObject({ backupId: id });
    await evaluateEvents(backupDeps(), "patchbay");
    const alert = await env.DB.prepare(
      "SELECT count(*) AS count FROM alerts WHERE tenant_id = 'patchbay' AND rule_id = 'backup-failed'",
    ).first("count");
    expect(alert).toBeGreaterThan(0);
  });

  test.each([
    ["another key under the same id", freshKeyRing("k1")],
    ["a key that is gone from the ring", freshKeyRing("k9")],
  ])("%s", async (_what, ring) => {
    const { id } = await backUp({ kind: "tenant", tenantId: "acme" });
    await verifyBackup(backupDeps(), admin, id);
    await finish({ kind: "backup", id }, { BACKUP_KEYS: ring });
    expect(await backupOf(id)).toMatchObject({ status: "failed" });
  });
});

describe("a backup", () => {
  test("goes on after the store failed, and is whole", async () => {
    const id = await begin({ kind: "tenant", tenantId: "acme" });
    let puts = 0;
    const failing = new Proxy(env.STORE, {
      get(target, name) {
        if (name === "put" && ++puts % 2 === 1) return () => Promise.reject(new Error("the store is away"));
        const member: unknown = Reflect.get(target, name, target);
        return typeof member === "function" ? (member.bind(target) as unknown) : member;
      },
    });
    let failures = 0;
    for (;;) {
      try {
        await finish({ kind: "backup", id }, { STORE: failing });
        break;
      } catch {
        failures += 1;
      }
    }
    expect(failures).toBeGreaterThan(2);
    expect(await backupOf(id)).toMatchObject({ status: "verified", reason: null });
  });

  test("is begun where one is due, and taken up where it was abandoned", async () => {
    launched.length = 0;
    await keepBackups(backupDeps());
    await keepBackups(backupDeps());
    expect(launched).toHaveLength(1);
    clock.skip += 11 * 60_000;
    await keepBackups(backupDeps());
    expect(launched.at(-1)).toEqual(launched[0]);
    clock.skip += 20 * 60_000;
    await keepBackups(backupDeps());
    expect(new Set(launched.map(({ id }) => id)).size).toBe(2);
    const begun = launched[0];
    if (begun) await finish(begun);
    expect(await backupOf(begun?.id ?? "")).toMatchObject({ status: "verified", trigger: "scheduled" });
  });

  test("is begun at once where emergency mode asks for it, and once", async () => {
    await keepBackups(backupDeps());
    launched.length = 0;
    clock.skip += 1_000;
    const choice = { mode: "emergency", reason: "a drill" } as const;
    const deps = createDeps(
      env,
      { waitUntil: () => undefined },
      { now: () => Date.now() + clock.skip },
      createResident(),
    );
    await changeMode(deps, admin, choice);
    clock.skip += 1_000;
    await keepBackups(backupDeps());
    await keepBackups(backupDeps());
    const begun = await Promise.all([...new Set(launched.map(({ id }) => id))].map(backupOf));
    expect(begun.filter((backup) => backup?.trigger === "emergency")).toHaveLength(1);
    await changeMode(deps, admin, { ...choice, mode: "normal" });
  });

  test("of a tenant that is not there is refused", async () => {
    await expect(
      startBackup(backupDeps(), admin, { kind: "tenant", tenantId: "nobody" }, "manual"),
    ).rejects.toMatchObject({ code: "TENANT_NOT_FOUND" });
  });
});

test("retention keeps the newest that are whole, and the last verified one whatever its age", () => {
  const backup = (id: string, status: "written" | "verified" | "failed" | "running") => ({ id, status });
  const all = [
    backup("7", "running"),
    backup("6", "written"),
    backup("5", "failed"),
    backup("4", "written"),
    backup("3", "written"),
    backup("2", "verified"),
    backup("1", "verified"),
  ];
  expect(beyondRetention(all, 2)).toEqual(["3", "1"]);
  expect(beyondRetention(all, 10)).toEqual([]);
  expect(beyondRetention([backup("2", "failed"), backup("1", "failed")], 1)).toEqual([]);
});
