import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { PIECE_BYTES } from "../../../durable-objects/object-state/rules.ts";
import { databaseOf } from "../../../durable-objects/plugin-database/client.ts";
import { contentKey, filesOf } from "../../../durable-objects/plugin-files/client.ts";
import { healthOf } from "../../../durable-objects/plugin-health/client.ts";
import { storageOf } from "../../../durable-objects/plugin-storage/client.ts";
import { tenantBlobPrefix } from "../../../worker/control/backups/blob-store.ts";
import {
  exportInstallState,
  importInstallState,
  type InstallStateDeps,
  type StateOwner,
} from "../../../worker/control/backups/install-state-store.ts";
import { sha256Hex } from "../../../worker/lib/hex.ts";
import { systemIds } from "../../../worker/lib/ulid.ts";

const NOW = Date.UTC(2096, 0, 1);
const randomBytes = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));
const deps: InstallStateDeps = { env, randomBytes, clock: { now: () => NOW }, newId: systemIds(() => NOW) };
const QUOTAS = { bytes: 100_000_000, files: 100 };
let installs = 0;

function newOwner(): StateOwner {
  return { tenantId: "acme", installId: `state-${++installs}` };
}

async function exported(owner: StateOwner): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await new Response(exportInstallState(deps, owner)).arrayBuffer());
}

/** The bytes in chunks of odd lengths, as a network gives them. */
function streamOf(bytes: Uint8Array): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.byteLength) return controller.close();
      controller.enqueue(bytes.slice(at, (at += 70_001)));
    },
  });
}

function put(owner: StateOwner, key: string, text: string, expiresAt: number | null = null) {
  const write = { key, value: new TextEncoder().encode(text), expiresAt, ifRevision: undefined };
  return storageOf(env.PLUGIN_STORAGE, owner).write("storage", [write], QUOTAS.bytes, NOW);
}

async function valueOf(owner: StateOwner, key: string): Promise<string | undefined> {
  const entry = await storageOf(env.PLUGIN_STORAGE, owner).get("storage", key, NOW);
  return entry && new TextDecoder().decode(entry.value);
}

function inDatabase<T>(owner: StateOwner, work: (sql: SqlStorage) => T): Promise<T> {
  return runInDurableObject(databaseOf(env.PLUGIN_DATABASE, owner), (_object, state) => work(state.storage.sql));
}

async function putFile(owner: StateOwner, path: string, text: string): Promise<void> {
  const register = filesOf(env.PLUGIN_FILES, owner);
  const key = contentKey(owner, deps.newId());
  await register.reserve(path, key, text.length, QUOTAS);
  await env.STORE.put(key, text);
  const sha256 = await sha256Hex(text);
  await register.commit({ path, key, bytes: text.length, contentType: "text/plain", sha256, modifiedAt: NOW });
}

async function textOfFile(owner: StateOwner, path: string): Promise<string | undefined> {
  const file = await filesOf(env.PLUGIN_FILES, owner).find(path);
  return file && (await (await env.STORE.get(file.key))?.text());
}

describe("the state of an install comes back as it was", () => {
  test("keys, values, revisions and expiry", async () => {
    const owner = newOwner();
    await put(owner, "kept", "first");
    await put(owner, "kept", "second");
    await put(owner, "passing", "soon gone", NOW + 60_000);
    const storage = storageOf(env.PLUGIN_STORAGE, owner);
    const before = [await storage.all("storage", NOW), await storage.used("storage")];
    const state = await exported(owner);
    await put(owner, "kept", "third");
    await put(owner, "new", "one more");
    await storage.delete("storage", "passing", undefined, NOW);

    await importInstallState(deps, owner, streamOf(state));
    expect([await storage.all("storage", NOW), await storage.used("storage")]).toEqual(before);
    const alarm = await runInDurableObject(storage, (_object, { storage: own }) => own.getAlarm());
    expect(alarm).toBe(NOW + 60_000);
    expect(await put(owner, "kept", "fourth")).toMatchObject([{ revision: 4 }]);
  });

  test("a database with its tables, indexes, views, row ids and values of every storage class", async () => {
    const owner = newOwner();
    const contents = (sql: SqlStorage) => {
      const all = [
        ...sql.exec("SELECT rowid, typeof(a) AS ta, CAST(a AS TEXT) AS a, hex(b) AS b FROM plain ORDER BY rowid"),
      ];
      const schema = [
        ...sql.exec("SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE '\\_cf%' ESCAPE '\\' ORDER BY name"),
      ];
      return JSON.stringify([all, schema, [...sql.exec("SELECT * FROM counted")], [...sql.exec("SELECT * FROM some")]]);
    };
    const before = await inDatabase(owner, (sql) => {
      sql.exec("CREATE TABLE plain (a, b BLOB)");
      sql.exec("CREATE TABLE keyed (k TEXT PRIMARY KEY, n INTEGER UNIQUE) WITHOUT ROWID");
      sql.exec("CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT, t TEXT DEFAULT 'x')");
      sql.exec(`CREATE TABLE "odd ""name" ("a b" INTEGER, rowid TEXT)`);
      sql.exec("CREATE INDEX plain_a ON plain (a) WHERE a IS NOT NULL");
      sql.exec("CREATE VIEW some AS SELECT a FROM plain WHERE typeof(a) = 'text'");
      sql.exec("CREATE VIEW a_first AS SELECT * FROM some");
      sql.exec(
        "INSERT INTO plain VALUES (9223372036854775807, NULL), (1.0, x''), (1e999, x'00ff'), ('i1', x'41'), ('ü' || char(0) || 'x', NULL), (0.1 + 0.2, NULL), (NULL, NULL), (1, 1)",
      );
      sql.exec("DELETE FROM plain WHERE a = 'i1'");
      sql.exec("INSERT INTO counted (t) VALUES ('one'), ('two')");
      sql.exec("DELETE FROM counted WHERE id = 2");
      sql.exec("INSERT INTO keyed VALUES ('k', 1)");
      sql.exec(`INSERT INTO "odd ""name" VALUES (1, 'mine')`);
      return contents(sql);
    });
    const state = await exported(owner);
    await inDatabase(owner, (sql) => {
      sql.exec("DROP VIEW a_first");
      sql.exec("DROP TABLE plain");
      sql.exec("CREATE TABLE later (a)");
      sql.exec("UPDATE counted SET t = 'changed'");
    });

    await importInstallState(deps, owner, streamOf(state));
    expect(await inDatabase(owner, contents)).toBe(before);
    expect(
      await inDatabase(owner, (sql) => [...sql.exec("INSERT INTO counted (t) VALUES ('three') RETURNING id")]),
    ).toEqual([{ id: 3 }]);
  });

  test("files, also those whose bytes are gone since", async () => {
    const owner = newOwner();
    await putFile(owner, "a.txt", "first");
    await putFile(owner, "b/c.txt", "other");
    const state = await exported(owner);
    const replaced = await filesOf(env.PLUGIN_FILES, owner).find("a.txt");
    await putFile(owner, "a.txt", "second");
    await putFile(owner, "new.txt", "new");
    await filesOf(env.PLUGIN_FILES, owner).delete("b/c.txt");
    await env.STORE.delete(replaced?.key ?? "");

    await importInstallState(deps, owner, streamOf(state));
    expect([
      await textOfFile(owner, "a.txt"),
      await textOfFile(owner, "b/c.txt"),
      await textOfFile(owner, "new.txt"),
    ]).toEqual(["first", "other", undefined]);
    expect(await filesOf(env.PLUGIN_FILES, owner).used()).toEqual({ bytes: 10, files: 2 });
  });

  test("but for the generations of its isolates, which only grow", async () => {
    const owner = newOwner();
    const health = healthOf(env.PLUGIN_HEALTH, owner.installId);
    await health.replaceGeneration(0);
    const state = await exported(owner);
    await health.replaceGeneration(1);
    await importInstallState(deps, owner, streamOf(state));
    expect(await health.replaceGeneration(1)).toEqual({ generation: 2 });
  });

  test("of an install that never stored anything: empty", async () => {
    const owner = newOwner();
    const state = await exported(owner);
    await put(owner, "later", "x");
    await importInstallState(deps, owner, streamOf(state));
    expect(await valueOf(owner, "later")).toBeUndefined();
  });
});

describe("an export is one point in time", () => {
  const ROWS = 400;

  /** Moves one from a row of one table to another table: the sum of both stays. */
  function move(sql: SqlStorage): void {
    sql.exec("UPDATE one SET n = n - 1 WHERE id = 1");
    sql.exec("UPDATE other SET n = n + 1 WHERE id = 400");
  }

  test("while others write between its pieces", async () => {
    const owner = newOwner();
    await inDatabase(owner, (sql) => {
      for (const table of ["one", "other"]) {
        sql.exec(`CREATE TABLE ${table} (id INTEGER PRIMARY KEY, n INTEGER, filler BLOB)`);
        for (let row = 1; row <= ROWS; row++) sql.exec(`INSERT INTO ${table} VALUES (?, 1000, zeroblob(6000))`, row);
      }
    });
    const used = await databaseOf(env.PLUGIN_DATABASE, owner).used();
    let chunks = 0;
    const parts: Uint8Array[] = [];
    for await (const chunk of exportInstallState(deps, owner, ["PluginDatabase"])) {
      parts.push(chunk);
      chunks += 1;
      await inDatabase(owner, move);
      // What is set aside is not the plugin's, give or take a page for each piece.
      expect(Math.abs((await databaseOf(env.PLUGIN_DATABASE, owner).used()) - used)).toBeLessThan(PIECE_BYTES / 4);
    }
    expect(chunks).toBeGreaterThan(6);
    const state = new Uint8Array(await new Blob(parts).arrayBuffer());
    const sums = (sql: SqlStorage) => [
      ...sql.exec("SELECT (SELECT sum(n) FROM one) AS one, (SELECT sum(n) FROM other) AS other"),
    ];
    const [now] = await inDatabase(owner, sums);
    await importInstallState(deps, owner, streamOf(state));
    const [then] = await inDatabase(owner, sums);
    expect(now).toEqual({ one: ROWS * 1000 - chunks, other: ROWS * 1000 + chunks });
    expect(Number(then?.["one"]) + Number(then?.["other"])).toBe(2 * ROWS * 1000);
    const left = await runInDurableObject(databaseOf(env.PLUGIN_DATABASE, owner), (_object, { storage }) =>
      [...storage.kv.list()].map(([key]) => key),
    );
    expect(left).toEqual(["object-state/imported"]);
  });

  test("and who reads it when it was forgotten is told, instead of getting another's rest", async () => {
    const owner = newOwner();
    await inDatabase(owner, (sql) => {
      sql.exec("CREATE TABLE t (b BLOB)");
      for (let row = 0; row < 3; row++) sql.exec("INSERT INTO t VALUES (randomblob(1000000))");
    });
    const reader = exportInstallState(deps, owner, ["PluginDatabase"]).getReader();
    for (let chunk = 0; chunk < 3; chunk++) await reader.read();
    for (let other = 1; other < 3; other++) await databaseOf(env.PLUGIN_DATABASE, owner).exportState(NOW + other);
    await expect(
      (async () => {
        while (!(await reader.read()).done);
      })(),
    ).rejects.toMatchObject({ code: "STATE_CONFLICT" });
  });
});

describe("nothing changes where the state is", () => {
  const END_FRAME = 5 + '{"kind":"end","sha256":""}'.length + 64;

  test.each<[string, (state: Uint8Array<ArrayBuffer>) => Uint8Array, string]>([
    ["cut off", (state) => state.subarray(0, -10), "ends before its end"],
    ["cut off between two frames", (state) => state.subarray(0, -END_FRAME), "ends before its end"],
    [
      "changed in one bit",
      (state) => {
        const at = new TextDecoder("latin1").decode(state).indexOf('"tkept"');
        state[at + 2] = (state[at + 2] ?? 0) ^ 1;
        return state;
      },
      "digest",
    ],
    [
      "another install's",
      (state) => {
        const text = new TextDecoder("latin1").decode(state).replace(/state-\d+/, (id) => id.replace(/\d$/, "x"));
        return Uint8Array.from(text, (character) => character.charCodeAt(0));
      },
      "another install's",
    ],
  ])("%s", async (_what, change, why) => {
    const owner = newOwner();
    await put(owner, "kept", "old");
    await putFile(owner, "a.txt", "old");
    const state = await exported(owner);
    await put(owner, "kept", "new");
    await expect(importInstallState(deps, owner, streamOf(change(state)))).rejects.toMatchObject({
      code: "BACKUP_UNREADABLE",
      message: expect.stringContaining(why) as string,
    });
    expect(await valueOf(owner, "kept")).toBe("new");
    expect(await textOfFile(owner, "a.txt")).toBe("old");
    const left = await runInDurableObject(storageOf(env.PLUGIN_STORAGE, owner), (_object, { storage }) => [
      ...storage.kv.list(),
    ]);
    expect(left).toEqual([]);
  });

  test("of a table that this version does not know", async () => {
    const owner = newOwner();
    await runInDurableObject(storageOf(env.PLUGIN_STORAGE, owner), (_object, { storage }) => {
      storage.sql.exec("CREATE TABLE later (a)");
    });
    const state = await exported(owner);
    await runInDurableObject(storageOf(env.PLUGIN_STORAGE, owner), (_object, { storage }) => {
      storage.sql.exec("DROP TABLE later");
    });
    await expect(importInstallState(deps, owner, streamOf(state))).rejects.toMatchObject({
      code: "BACKUP_UNREADABLE",
      message: "The state has a table later that this version does not know.",
    });
  });

  test("without the copy of a file", async () => {
    const owner = newOwner();
    await putFile(owner, "a.txt", "lost later");
    const state = await exported(owner);
    await env.STORE.delete(tenantBlobPrefix(owner.tenantId) + (await sha256Hex("lost later")));
    await expect(importInstallState(deps, owner, streamOf(state))).rejects.toMatchObject({ code: "BACKUP_UNREADABLE" });
    expect(await textOfFile(owner, "a.txt")).toBe("lost later");
  });
});
