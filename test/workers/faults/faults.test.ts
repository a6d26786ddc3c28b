import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { openDatabase } from "../../../worker/db/client.ts";
import { tenants } from "../../../worker/db/schema.ts";
import { healthOf } from "../../../durable-objects/plugin-health/client.ts";
import {
  after,
  fails,
  Faults,
  first,
  Gate,
  losesAnswer,
  on,
  sometimes,
  SteppingClock,
  takes,
  truncates,
  waitsFor,
  type Part,
} from "../../support/workers/faults.ts";
import { counted } from "../../support/workers/probe.ts";

/** The fault layer itself: what it breaks, breaks as said, and what it leaves alone, works. */

const insert =
  "INSERT INTO tenants (id, name, plan, status, snapshot_revision, created_at) VALUES (?, '', 'pro', ?, 1, 0)";

async function idsLike(prefix: string): Promise<unknown[]> {
  const { results } = await env.DB.prepare("SELECT id FROM tenants WHERE id LIKE ? ORDER BY id")
    .bind(`${prefix}%`)
    .all();
  return results.map(({ id }) => id);
}

/** Which of so many operations on the part fail. */
async function failures(count: number, run: () => Promise<unknown>): Promise<boolean[]> {
  const failed: boolean[] = [];
  // oxlint-disable-next-line no-await-in-loop -- the order is what is looked at
  while (failed.length < count)
    failed.push(
      await run().then(
        () => false,
        () => true,
      ),
    );
  return failed;
}

describe("an environment without faults", () => {
  test("has every service in it, and each works", async () => {
    const faults = new Faults(env);
    const expected: Part[] = [
      "DB",
      "STORE",
      "LOADER",
      "OUTCOMES",
      "MESSAGES",
      "WEBHOOKS",
      "PLUGIN_HEALTH",
      "IDEMPOTENCY",
    ];
    expect(faults.parts).toEqual(expect.arrayContaining(expected));
    const { DB, STORE, PLUGIN_HEALTH } = faults.env;
    await DB.batch([DB.prepare(insert).bind("plain-1", "active"), DB.prepare(insert).bind("plain-2", "active")]);
    expect(await idsLike("plain-")).toEqual(["plain-1", "plain-2"]);
    const session = DB.withSession("first-primary");
    expect(await session.prepare("SELECT count(*) AS count FROM tenants WHERE id LIKE 'plain-%'").first()).toEqual({
      count: 2,
    });
    await STORE.put("plain", "content");
    expect(await (await STORE.get("plain"))?.text()).toBe("content");
    expect(await healthOf(PLUGIN_HEALTH, "plain").replaceGeneration(0)).toEqual({ generation: 1 });
    expect(faults.uses("STORE")).toEqual(["put", "get"]);
    expect(faults.strikes).toBe(0);
  });
});

describe("D1", () => {
  test("fails every way it can be asked, and drizzle sees it", async () => {
    const faults = new Faults(env);
    faults.inject("DB", fails());
    const { DB } = faults.env;
    const statement = DB.prepare("SELECT 1");
    for (const run of [
      () => statement.first(),
      () => statement.bind().all(),
      () => statement.run(),
      () => statement.raw(),
      () => DB.batch([statement]),
      () => DB.exec("SELECT 1"),
      () => DB.withSession().prepare("SELECT 1").all(),
      () => DB.withSession().batch([statement]),
    ]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other keeps the count plain
      await expect(run()).rejects.toThrow("D1_ERROR: Network connection lost.");
    }
    await expect(openDatabase(DB).select().from(tenants)).rejects.toMatchObject({
      cause: { message: "D1_ERROR: Network connection lost." },
    });
    expect(faults.strikes).toBe(9);
    faults.heal();
    expect(await statement.all()).toMatchObject({ success: true });
  });

  test("loses the answer of a batch that it applied", async () => {
    const faults = new Faults(env);
    faults.inject("DB", losesAnswer());
    const { DB } = faults.env;
    await expect(DB.batch([DB.prepare(insert).bind("lost-1", "active")])).rejects.toThrow("D1_ERROR");
    expect(await idsLike("lost-")).toEqual(["lost-1"]);
    await expect(DB.prepare(insert).bind("lost-2", "active").run()).rejects.toThrow("D1_ERROR");
    expect(await idsLike("lost-")).toEqual(["lost-1", "lost-2"]);
  });

  test("waits at a gate, and takes time of the test's clock only", async () => {
    const faults = new Faults(env);
    const gate = new Gate();
    faults.inject("DB", waitsFor(gate));
    const answers = [
      faults.env.DB.prepare("SELECT 1 AS one").first(),
      faults.env.DB.prepare("SELECT 2 AS one").first(),
    ];
    await scheduler.wait(0);
    expect(gate.waiting).toBe(2);
    gate.open();
    expect(await Promise.all(answers)).toEqual([{ one: 1 }, { one: 2 }]);

    const clock = new SteppingClock(1_000);
    faults.inject("DB", takes(30_000, clock));
    await faults.env.DB.prepare("SELECT 1").first();
    expect(clock.now()).toBe(31_000);
  });
});

describe("occasions", () => {
  test.each([
    { when: first(2), expected: [true, true, false, false] },
    { when: after(1), expected: [false, true, true, true] },
  ])("strike what they say: $expected", async ({ when, expected }) => {
    const faults = new Faults(env);
    faults.inject("STORE", fails(when));
    expect(await failures(4, () => faults.env.STORE.head("any"))).toEqual(expected);
  });

  test("repeat themselves for the same seed", async () => {
    const run = (seed: number): Promise<boolean[]> => {
      const faults = new Faults(env);
      faults.inject("STORE", fails(sometimes(0.5, seed)));
      return failures(40, () => faults.env.STORE.head("any"));
    };
    const [one, again, other] = [await run(7), await run(7), await run(8)];
    expect(one).toEqual(again);
    expect(one).not.toEqual(other);
    expect(one.filter(Boolean).length).toBeGreaterThan(8);
    expect(one.filter(Boolean).length).toBeLessThan(32);
  });

  test("may be of some operations only", async () => {
    const faults = new Faults(env);
    faults.inject("STORE", on(["put"], fails()));
    await expect(faults.env.STORE.put("some", "x")).rejects.toThrow("put: We encountered an internal error.");
    expect(await faults.env.STORE.get("some")).toBeNull();
  });
});

describe("R2", () => {
  test("has what it says it could not write", async () => {
    const faults = new Faults(env);
    faults.inject("STORE", losesAnswer());
    await expect(faults.env.STORE.put("half", "content")).rejects.toThrow("10001");
    expect(await (await env.STORE.get("half"))?.text()).toBe("content");
  });

  test("fails in the middle of an upload in parts", async () => {
    const faults = new Faults(env);
    const upload = await faults.env.STORE.createMultipartUpload("parts");
    faults.inject("STORE", on(["uploadPart"], fails(first(1))));
    await expect(upload.uploadPart(1, "content")).rejects.toThrow("uploadPart");
    const resumed = faults.env.STORE.resumeMultipartUpload("parts", upload.uploadId);
    await resumed.complete([await resumed.uploadPart(1, "content")]);
    expect(await (await env.STORE.get("parts"))?.text()).toBe("content");
    expect(faults.uses("STORE")).toEqual(["createMultipartUpload", "uploadPart", "uploadPart", "complete"]);
  });

  test("ends a read early, however it is read", async () => {
    const faults = new Faults(env);
    await env.STORE.put("whole", "content", { customMetadata: { kept: "yes" } });
    faults.inject("STORE", truncates(4));
    const read = async (): Promise<R2ObjectBody> => (await faults.env.STORE.get("whole")) ?? expect.fail("no object");
    expect(await (await read()).text()).toBe("cont");
    expect((await (await read()).arrayBuffer()).byteLength).toBe(4);
    const object = await read();
    expect(await new Response(object.body).text()).toBe("cont");
    expect(object).toMatchObject({ size: 7, customMetadata: { kept: "yes" } });
    expect(await faults.env.STORE.get("nothing")).toBeNull();
  });
});

describe("queues", () => {
  test("refuse, or take a message and say that they did not", async () => {
    const real = counted(env.WEBHOOKS);
    const faults = new Faults({ ...env, WEBHOOKS: real.binding });
    const bell = { tenantId: "nobody", deliveryId: "none" } as unknown as Parameters<typeof env.WEBHOOKS.send>[0]; // never read
    faults.inject("WEBHOOKS", fails());
    await expect(faults.env.WEBHOOKS.send(bell)).rejects.toThrow("Queue sendBatch failed");
    expect(real.uses()).toEqual([]);
    faults.inject("WEBHOOKS", losesAnswer());
    await expect(faults.env.WEBHOOKS.sendBatch([{ body: bell }])).rejects.toThrow("Queue sendBatch failed");
    expect(real.uses()).toEqual(["sendBatch"]);
  });
});

describe("durable objects", () => {
  test("fail by method, and say that they may be asked again", async () => {
    const faults = new Faults(env);
    faults.inject("PLUGIN_HEALTH", on(["replaceGeneration"], losesAnswer(first(1))));
    const stub = healthOf(faults.env.PLUGIN_HEALTH, "broken");
    await expect(stub.replaceGeneration(0)).rejects.toMatchObject({
      message: "Network connection lost.",
      retryable: true,
    });
    expect(await stub.replaceGeneration(0)).toEqual({ generation: 1 });
  });

  test("fail where they are fetched from", async () => {
    const faults = new Faults(env);
    faults.inject("EVENT_STREAM", fails());
    const { EVENT_STREAM } = faults.env;
    await expect(EVENT_STREAM.get(EVENT_STREAM.idFromName("x")).fetch("https://x/")).rejects.toThrow("connection lost");
  });
});

describe("the loader", () => {
  test("fails what it has loaded", async () => {
    const faults = new Faults(env);
    const fetchLoaded = async (): Promise<string> => {
      const worker = faults.env.LOADER.get("faults-test", () => ({
        compatibilityDate: "2026-07-01",
        mainModule: "main.js",
        modules: { "main.js": "export default { fetch: () => new Response('loaded') }" },
      }));
      return (await worker.getEntrypoint().fetch("https://x/")).text();
    };
    expect(await fetchLoaded()).toBe("loaded");
    faults.inject("LOADER", fails(first(1)));
    await expect(fetchLoaded()).rejects.toThrow("internal error; reference =");
    expect(await fetchLoaded()).toBe("loaded");
  });
});
