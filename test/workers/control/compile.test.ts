import { env } from "cloudflare:workers";
import { eq } from "drizzle-orm";
import { describe, expect, test } from "vitest";
import { DEFAULT_LIMITS } from "../../../sdk/contract/limits.ts";
import {
  bumpRevision,
  compileSnapshot,
  compileStaleSnapshots,
  SNAPSHOT_COMPILER,
} from "../../../worker/control/compile.ts";
import { installPlugin } from "../../../worker/control/installs/actions/install.ts";
import { apiKeys, members, tenants } from "../../../worker/db/schema.ts";
import { snapshotKey } from "../../../worker/execution/snapshot.ts";
import { db, makeDeps, NOW, refusal, revisionOf, seedTenant, seedVersion, storedSnapshot } from "./fixtures.ts";

const GOOD = { revision: "99", format: "1", compiler: SNAPSHOT_COMPILER, environment: "production" };

async function rename(tenantId: string, status: "active" | "suspended"): Promise<void> {
  await db.batch([db.update(tenants).set({ status }).where(eq(tenants.id, tenantId)), bumpRevision(db, tenantId)]);
}

/** An R2 bucket that runs a piece of work before each write, as a second compiler would. */
function bucketWith(before: (write: number) => Promise<void>): R2Bucket {
  let writes = 0;
  return new Proxy(env.STORE, {
    get(store, name) {
      const member: unknown = Reflect.get(store, name);
      if (typeof member !== "function") return member;
      if (name !== "put") return member.bind(store) as unknown;
      return async (...input: unknown[]) => {
        await before(++writes);
        return member.apply(store, input) as unknown;
      };
    },
  });
}

/** R2 as it answers when an object is written too often. */
function bucketRefusing(refusals: number): R2Bucket {
  return bucketWith((write) => (write <= refusals ? Promise.reject(new Error("put: 10058")) : Promise.resolve()));
}

describe("compileSnapshot", () => {
  test("writes what D1 holds, without expired and revoked keys", async () => {
    const { tenantId, ...actor } = await seedTenant();
    await seedVersion({
      tenantId,
      manifest: { limits: { fuel: 5e9, hostCalls: 3 }, defaultFunction: "greet" },
      functions: ["greet", "part"],
    });
    const deps = makeDeps();
    await installPlugin(
      deps,
      { tenantId, ...actor },
      {
        pluginId: "acme.echo",
        activate: true,
        config: { greeting: "hi" },
        limits: { fuel: 2e9 },
      },
    );
    const now = deps.clock.now();
    const key = { tenantId, name: "ci", roles: ["caller" as const], createdAt: now };
    await db.batch([
      db.insert(apiKeys).values([
        { ...key, id: `${tenantId}-good`, secretHash: "d".repeat(64), expiresAt: now + 1_000 },
        { ...key, id: `${tenantId}-old`, secretHash: "e".repeat(64), expiresAt: now },
        { ...key, id: `${tenantId}-revoked`, secretHash: "f".repeat(64), revokedAt: now },
      ]),
      db.insert(members).values({ tenantId, subject: "ann", roles: ["viewer", "operator"], createdAt: NOW }),
      bumpRevision(db, tenantId),
    ]);
    await compileSnapshot(deps, tenantId);

    expect(await storedSnapshot(tenantId)).toEqual({
      format: 1,
      tenantId,
      status: "active",
      revision: 3,
      compiledAt: now,
      installs: {
        "acme.echo": {
          installId: expect.stringMatching(/^[0-9A-Z]{26}$/) as string,
          pluginId: "acme.echo",
          version: "1.0.0",
          state: "active",
          rewrittenDigest: "c".repeat(64),
          rewriterVersion: "1",
          moduleBytes: 1_234,
          functions: ["greet", "part"],
          defaultFunction: "greet",
          suspends: true,
          limits: { ...DEFAULT_LIMITS, fuel: 2e9, hostCalls: 3 },
          config: { greeting: "hi" },
          configRevision: 1,
          listing: {
            ownerTenantId: tenantId,
            name: "Echo",
            description: "Says what it hears.",
            type: "utility",
            category: "text",
            createdAt: NOW,
            updatedAt: NOW,
          },
          grants: {},
        },
      },
      keys: { [`${tenantId}-good`]: { secretHash: "d".repeat(64), roles: ["caller"], expiresAt: now + 1_000 } },
      members: { ann: ["viewer", "operator"] },
    });
  });

  test("gives it to this isolate's memory at once", async () => {
    const { tenantId } = await seedTenant();
    const deps = makeDeps();
    expect(await deps.snapshots.read(tenantId)).toBeUndefined();
    await compileSnapshot(deps, tenantId);
    expect((await deps.snapshots.read(tenantId))?.revision).toBe(1);
    await rename(tenantId, "suspended");
    await compileSnapshot(deps, tenantId);
    expect(await deps.snapshots.read(tenantId)).toMatchObject({ revision: 2, status: "suspended" });
  });

  test("writes nothing where the stored one is as new", async () => {
    const { tenantId } = await seedTenant();
    await compileSnapshot(makeDeps(), tenantId);
    const before = await env.STORE.head(snapshotKey(tenantId));
    await compileSnapshot(makeDeps(), tenantId);
    expect((await env.STORE.head(snapshotKey(tenantId)))?.version).toBe(before?.version);
  });

  test("starts anew where another compiler wrote between reading and writing", async () => {
    const { tenantId } = await seedTenant();
    await compileSnapshot(makeDeps(), tenantId);
    await rename(tenantId, "suspended");
    const store = bucketWith(async (write) => {
      if (write > 1) return;
      await rename(tenantId, "active");
      await compileSnapshot(makeDeps(), tenantId);
    });
    const snapshot = await compileSnapshot({ ...makeDeps(), env: { ...env, STORE: store } }, tenantId);
    expect(snapshot).toMatchObject({ revision: 3, status: "active" });
    expect(await storedSnapshot(tenantId)).toMatchObject({ revision: 3, status: "active" });
  });

  test("leaves a newer snapshot alone and returns it", async () => {
    const { tenantId } = await seedTenant();
    const deps = makeDeps();
    const newer = { ...(await compileSnapshot(deps, tenantId)), revision: 99 };
    await env.STORE.put(snapshotKey(tenantId), JSON.stringify(newer), {
      customMetadata: { revision: "99", format: "1", compiler: SNAPSHOT_COMPILER, environment: "production" },
    });
    expect(await compileSnapshot(deps, tenantId)).toEqual(newer);
    expect(await storedSnapshot(tenantId)).toEqual(newer);
    expect((await deps.snapshots.read(tenantId))?.revision).toBe(99);
  });

  test.each([
    ["of another format", { ...GOOD, format: "0" }],
    ["for another environment", { ...GOOD, environment: "staging" }],
    ["by an earlier compiler", { ...GOOD, compiler: "1" }],
    ["by a compiler that had no number", { revision: "99", format: "1", environment: "production" }],
    ["that somebody else put there", undefined],
  ])("replaces an object %s", async (_case, customMetadata) => {
    const { tenantId } = await seedTenant();
    await env.STORE.put(snapshotKey(tenantId), "{}", customMetadata ? { customMetadata } : {});
    await compileSnapshot(makeDeps(), tenantId);
    expect(await storedSnapshot(tenantId)).toMatchObject({ revision: 1, tenantId });
  });

  test("tries again after R2 refused a write, and says so when it goes on refusing", async () => {
    const { tenantId } = await seedTenant();
    const error = await refusal(
      compileSnapshot({ ...makeDeps(), env: { ...env, STORE: bucketRefusing(99) } }, tenantId),
    );
    expect(error.code).toBe("SNAPSHOT_UNAVAILABLE");
    expect(error.message).toBe(
      `The change is saved, but the snapshot of tenant "${tenantId}" could not be written in 6 tries; it will be written within 15 minutes, or when the request is repeated.`,
    );
    expect(await storedSnapshot(tenantId)).toBeUndefined();
    await compileSnapshot({ ...makeDeps(), env: { ...env, STORE: bucketRefusing(2) } }, tenantId);
    expect((await storedSnapshot(tenantId))?.revision).toBe(1);
  });

  test("twenty changes and compilations at once end in the newest revision", async () => {
    const { tenantId } = await seedTenant();
    await Promise.all(
      Array.from({ length: 20 }, async () => {
        await rename(tenantId, "active");
        await compileSnapshot(makeDeps(), tenantId);
      }),
    );
    expect(await revisionOf(tenantId)).toBe(21);
    expect((await storedSnapshot(tenantId))?.revision).toBe(21);
  });

  test("there must be a tenant", async () => {
    const error = await refusal(compileSnapshot(makeDeps(), "nobody"));
    expect(error.code).toBe("TENANT_NOT_FOUND");
    expect(error.message).toBe('There is no tenant "nobody".');
  });
});

test("compileStaleSnapshots brings what is behind up to date and leaves the rest alone", async () => {
  const [current, behind, never] = [await seedTenant(), await seedTenant(), await seedTenant()];
  await compileSnapshot(makeDeps(), current.tenantId);
  await compileSnapshot(makeDeps(), behind.tenantId);
  await rename(behind.tenantId, "suspended");

  const report = await compileStaleSnapshots(makeDeps());
  expect(report.compiled).toEqual(expect.arrayContaining([behind.tenantId, never.tenantId]));
  expect(report.compiled).not.toContain(current.tenantId);
  expect(report.failed).toEqual([]);
  expect(await storedSnapshot(behind.tenantId)).toMatchObject({ revision: 2, status: "suspended" });
  expect(await storedSnapshot(never.tenantId)).toMatchObject({ revision: 1 });
  expect(await compileStaleSnapshots(makeDeps())).toMatchObject({ compiled: [], failed: [] });
});

test("compileStaleSnapshots brings what an earlier deployment compiled up to date, without any change of the tenant", async () => {
  const { tenantId, ...actor } = await seedTenant();
  const hooks = [{ name: "orders:created", function: "run" }];
  await seedVersion({ tenantId, manifest: { hooks } as never }); // parsed by the seed
  await installPlugin(makeDeps(), { tenantId, ...actor }, { pluginId: "acme.echo", activate: true });
  const current = await storedSnapshot(tenantId);
  // As it was written before there were offers and grants.
  const { offers: _later, installs, ...old } = current ?? {};
  const { grants: _none, ...install } = installs?.["acme.echo"] ?? {};
  await env.STORE.put(snapshotKey(tenantId), JSON.stringify({ ...old, installs: { "acme.echo": install } }), {
    customMetadata: { revision: String(current?.revision), format: "1", environment: "production" },
  });
  expect((await compileStaleSnapshots(makeDeps())).compiled).toContain(tenantId);
  const healed = await storedSnapshot(tenantId);
  expect(healed).toMatchObject({ revision: current?.revision, offers: current?.offers, installs });
  expect((await compileStaleSnapshots(makeDeps())).compiled).not.toContain(tenantId);
});
