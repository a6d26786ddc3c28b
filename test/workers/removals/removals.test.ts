import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { and, eq } from "drizzle-orm";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { databaseOf } from "../../../durable-objects/plugin-database/client.ts";
import { contentKey, filesOf } from "../../../durable-objects/plugin-files/client.ts";
import { storageOf } from "../../../durable-objects/plugin-storage/client.ts";
import { installPlugin } from "../../../worker/control/installs/actions/install.ts";
import { moveInstall } from "../../../worker/control/installs/actions/move.ts";
import { clearRemovedInstall, clearRemovedInstalls } from "../../../worker/control/removals/actions.ts";
import { LATE_WRITES_MS, REPORTED_FAILURES } from "../../../worker/control/removals/rules.ts";
import { getRemoval } from "../../../worker/control/removals/store.ts";
import { createDeps, createResident, type Deps } from "../../../worker/deps.ts";
import { capabilityUsage, installRemovals, pluginConfigurations, pluginInstances } from "../../../worker/db/schema.ts";
import { keepVariables, readVariables } from "../../../worker/execution/kept-variables.ts";
import type { Actor } from "../../../worker/lib/actor.ts";
import { ask } from "../../support/guests/platform-guest.ts";
import { db, eventTypes, makeDeps, seedTenant, seedVersion } from "../control/fixtures.ts";

/** What a removed install leaves: nothing, also of what is written late, and whatever fails on the way. */

const ECHO = { pluginId: "acme.echo", activate: true };
const GRANTS = { storage: {}, cache: {}, database: {}, files: {} };
let now: number;

/** @param broken  bindings that fail */
function deps(broken: Partial<Env> = {}): Deps {
  const waitUntil = (work: Promise<unknown>): void => void deferred.push(work);
  return createDeps({ ...env, ...broken }, { waitUntil }, { now: () => now }, createResident());
}

/** What was put off is over before the next test, or the end. */
const deferred: Promise<unknown>[] = [];
afterEach(async () => {
  await Promise.allSettled(deferred.splice(0));
});

interface Owner {
  readonly tenantId: string;
  readonly installId: string;
}

async function store(owner: Owner): Promise<void> {
  const context = { context: owner };
  await ask("storage_set", { key: "k" }, GRANTS, "stored", context);
  await ask("cache_set", { key: "k" }, GRANTS, "cached", context);
  await ask("files_put", { path: "a" }, GRANTS, "bytes", context);
  await ask("files_put", { path: "b" }, GRANTS, "more", context);
  await ask("database_query", { sql: "CREATE TABLE t (x)" }, GRANTS, "", context);
  const outcome = { variables: { set: { v: "dmFyaWFibGU=" }, removed: [] } };
  await keepVariables(deps().capabilities, owner, outcome as never); // a call's outcome, of which the variables are looked at
}

/** What there is of the install anywhere: tables of its objects, keys in R2, variables, rows. */
async function left(owner: Owner): Promise<Record<string, number>> {
  const tables = (stub: DurableObjectStub): Promise<number> =>
    runInDurableObject(
      stub,
      (_object, { storage }) => storage.sql.exec("SELECT 1 FROM sqlite_master").toArray().length,
    );
  const rows = async (table: typeof capabilityUsage | typeof pluginConfigurations): Promise<number> =>
    (await db.select({ id: table.installId }).from(table).where(eq(table.installId, owner.installId))).length;
  const storage = await tables(storageOf(env.PLUGIN_STORAGE, owner));
  return {
    storage,
    variables: storage === 0 ? 0 : Object.keys(await readVariables(deps().capabilities, owner)).length,
    database: await tables(databaseOf(env.PLUGIN_DATABASE, owner)),
    files: await tables(filesOf(env.PLUGIN_FILES, owner)),
    bytes: (await env.STORE.list({ prefix: contentKey(owner, "") })).objects.length,
    usage: await rows(capabilityUsage),
    configurations: await rows(pluginConfigurations),
  };
}

const NOTHING = { storage: 0, variables: 0, database: 0, files: 0, bytes: 0, usage: 0, configurations: 0 };

let actor: Actor;
let owner: Owner;

beforeEach(async () => {
  now = Date.now();
  actor = await seedTenant();
  await seedVersion({ tenantId: actor.tenantId });
  const { install } = await installPlugin(makeDeps(), actor, { ...ECHO, config: { colour: "red" } });
  owner = { tenantId: actor.tenantId, installId: install.id };
  await store(owner);
  const use = { capability: "storage", scope: "", day: 1, executions: 1, calls: 1, refused: 0, bytes: 1 };
  const peaks = { peakCalls: 1, peakBytes: 1, lastUsedAt: 1, pluginId: "acme.echo" };
  await db.insert(capabilityUsage).values({ ...owner, ...use, ...peaks });
});

async function remove(): Promise<void> {
  await moveInstall({ ...makeDeps(), clock: { now: () => now } }, actor, "acme.echo", "uninstall");
}

function pending() {
  return getRemoval(db, { tenantId: actor.tenantId, pluginId: "acme.echo" });
}

test("what is stored stays as long as the install does", async () => {
  await moveInstall(makeDeps(), actor, "acme.echo", "deactivate");
  await clearRemovedInstalls(deps());
  expect(await pending()).toBeUndefined();
  expect(await left(owner)).toMatchObject({ variables: 1, bytes: 2, usage: 1, configurations: 1 });
});

test("an uninstall leaves nothing, and the log says when all is gone", async () => {
  await remove();
  await clearRemovedInstall(deps(), actor.tenantId, "acme.echo");
  expect(await left(owner)).toEqual(NOTHING);
  expect(await eventTypes(actor)).not.toContain("plugin.data-deleted");
  now += LATE_WRITES_MS;
  await clearRemovedInstalls(deps());
  expect(await pending()).toBeUndefined();
  expect((await eventTypes(actor)).at(-1)).toBe("plugin.data-deleted");
});

test("what calls write after the removal is deleted too", async () => {
  await remove();
  await clearRemovedInstalls(deps());
  await store(owner);
  now += LATE_WRITES_MS - 1;
  await clearRemovedInstalls(deps());
  expect(await left(owner)).toMatchObject({ variables: 1, bytes: 2 });
  now += 1;
  await clearRemovedInstalls(deps());
  expect(await left(owner)).toEqual(NOTHING);
});

test("a neighbour's data stays", async () => {
  const neighbour = { tenantId: `${actor.tenantId}0`, installId: owner.installId };
  await store(neighbour);
  await remove();
  await clearRemovedInstalls(deps());
  expect(await left(neighbour)).toMatchObject({ variables: 1, bytes: 2 });
});

describe("a re-install", () => {
  test("finds nothing of the old one, also before anything was deleted, and keeps its own", async () => {
    await remove();
    const { install } = await installPlugin(makeDeps(), actor, ECHO);
    const again = { tenantId: actor.tenantId, installId: install.id };
    expect(await left(again)).toMatchObject({ variables: 0, database: 0, bytes: 0, usage: 0, configurations: 0 });
    await store(again);
    now += LATE_WRITES_MS;
    await clearRemovedInstalls(deps());
    expect(await left(owner)).toEqual(NOTHING);
    expect(await left(again)).toMatchObject({ variables: 1, bytes: 2 });
  });

  test("that was given the old one's id by an earlier version of the platform is left alone", async () => {
    await remove();
    await db.update(pluginInstances).set({ state: "active" }).where(eq(pluginInstances.id, owner.installId));
    await clearRemovedInstalls(deps());
    expect(await left(owner)).toMatchObject({ variables: 1, bytes: 2 });
  });
});

describe("a deletion that fails", () => {
  const away = (): Promise<never> => Promise.reject(new Error("R2 is away"));
  const dead = { list: away, head: away, put: away } as unknown as R2Bucket; // what is asked of it

  test("is tried again, ever more seldom, and does not keep others waiting", async () => {
    await remove();
    expect(await clearRemovedInstalls(deps({ STORE: dead }))).toEqual({ cleared: 0, failed: 1 });
    expect(await pending()).toMatchObject({ failures: 1, dueAt: now + 60_000 });
    expect(await clearRemovedInstalls(deps())).toEqual({ cleared: 0, failed: 0 });
    now += 60_000;
    expect(await clearRemovedInstalls(deps({ STORE: dead }))).toEqual({ cleared: 0, failed: 1 });
    expect(await pending()).toMatchObject({ failures: 2, dueAt: now + 120_000 });
    now += 120_000;
    expect(await clearRemovedInstalls(deps())).toEqual({ cleared: 1, failed: 0 });
    expect(await left(owner)).toEqual(NOTHING);
  });

  test("again and again is an event, once", async () => {
    await remove();
    for (let failures = 0; failures < REPORTED_FAILURES + 2; failures++) {
      await clearRemovedInstalls(deps({ STORE: dead }));
      now = (await pending())?.dueAt ?? 0;
    }
    expect((await eventTypes(actor)).filter((type) => type === "plugin.data-not-deleted")).toHaveLength(1);
    await db.delete(installRemovals).where(and(eq(installRemovals.installId, owner.installId)));
  });
});
