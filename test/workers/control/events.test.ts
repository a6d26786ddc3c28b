import { env } from "cloudflare:workers";
import { asc, eq, sql } from "drizzle-orm";
import { describe, expect, test } from "vitest";
import { compileSnapshot } from "../../../worker/control/compile.ts";
import { recordExecutions } from "../../../worker/control/executions/actions.ts";
import { FAILURES_TOLD } from "../../../worker/control/executions/event-rules.ts";
import { readHistory } from "../../../worker/control/events/actions/history.ts";
import { newEvent, type NewEvent } from "../../../worker/control/events/rules.ts";
import { deleteEventsBefore, recordEvent, recordEventsWhere } from "../../../worker/control/events/store.ts";
import { commit, openDatabase } from "../../../worker/db/client.ts";
import { pluginEvents, pluginExecutions } from "../../../worker/db/schema.ts";
import type { ExecutionRecord } from "../../../worker/execution/settle.ts";
import type { Actor } from "../../../worker/lib/actor.ts";
import { api } from "../../support/workers/api.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { db, makeDeps, NOW, seedTenant } from "./fixtures.ts";

const { newId } = makeDeps();

function event(actor: Actor, n = 0, pluginId: string | null = "acme.echo"): NewEvent {
  return newEvent({
    id: newId(),
    tenantId: actor.tenantId,
    pluginId,
    type: n % 2 === 0 ? "plugin.activated" : "plugin.deactivated",
    data: { installId: "install", version: `1.0.${n}` },
    subject: "olga",
    createdAt: NOW + n,
  });
}

async function sequencesOf(actor: Actor): Promise<number[]> {
  const rows = await db
    .select({ sequence: pluginEvents.sequence })
    .from(pluginEvents)
    .where(eq(pluginEvents.tenantId, actor.tenantId))
    .orderBy(asc(pluginEvents.sequence));
  return rows.map(({ sequence }) => sequence);
}

const upTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);

describe("the numbers of the log", () => {
  test("have no gap and no repetition under writers of several tenants at once, each with its own connection", async () => {
    const tenants = [await seedTenant(), await seedTenant(), await seedTenant()];
    const writes = Array.from({ length: 60 }, async (_, n) => {
      const own = openDatabase(env.DB);
      const [one, two] = [tenants[n % 3], tenants[(n + 1) % 3]];
      if (!one || !two) throw new Error("three tenants");
      // Every other writer records for two tenants in one statement.
      const events = n % 2 === 0 ? [event(one, n)] : [event(one, n), event(two, n), event(one, n + 1)];
      return own.batch([recordEventsWhere(own, events, sql`true`)]);
    });
    const answers = (await Promise.all(writes)).flat(2);
    expect(answers).toHaveLength(120);
    for (const tenant of tenants) expect(await sequencesOf(tenant)).toEqual(upTo(40));
  });

  test("are in the order given", async () => {
    const actor = await seedTenant();
    const events = Array.from({ length: 12 }, (_, n) => event(actor, n));
    await commit(db, recordEventsWhere(db, events, sql`true`));
    const log = await readHistory({ db }, actor, { order: "oldest" }, { limit: 50 });
    expect(log.map(({ id }) => id)).toEqual(events.map(({ id }) => id));
  });

  test("are not used up by a batch that failed, nor by a condition that did not hold", async () => {
    const actor = await seedTenant();
    const taken = event(actor);
    await commit(db, recordEvent(db, taken));
    await expect(commit(db, recordEvent(db, event(actor)), recordEvent(db, taken))).rejects.toThrow(
      /UNIQUE|Failed query/,
    );
    await commit(db, recordEventsWhere(db, [event(actor)], sql`1 = 2`));
    await commit(db, recordEvent(db, event(actor)));
    expect(await sequencesOf(actor)).toEqual([1, 2]);
  });

  test("go on after old events were deleted, even all but the last", async () => {
    const actor = await seedTenant();
    const age = NOW - 1_000_000;
    for (let n = 0; n < 4; n++) await commit(db, recordEvent(db, { ...event(actor), createdAt: age + n }));
    expect(await deleteEventsBefore(db, age + 100, 2)).toBe(2);
    expect(await deleteEventsBefore(db, age + 100, 100)).toBe(1);
    expect(await sequencesOf(actor)).toEqual([4]);
    await commit(db, recordEvent(db, event(actor)));
    expect(await sequencesOf(actor)).toEqual([4, 5]);
  });
});

test("data that is not as the catalogue says is never recorded", async () => {
  const actor = await seedTenant();
  const wrong = { ...event(actor), data: { installId: "install", version: 3, secret: "hidden" } };
  expect(() => recordEvent(db, wrong)).toThrow(
    "An event plugin.activated has data that the catalogue does not allow, at: version, secret.",
  );
});

describe("GET /events", () => {
  /** A tenant that requests may name. */
  async function openTenant(): Promise<Actor> {
    const actor = await seedTenant();
    await compileSnapshot(makeDeps(), actor.tenantId);
    return actor;
  }

  async function log(): Promise<{ actor: Actor; get: (query: string) => Promise<unknown[][]> }> {
    const actor = await openTenant();
    const events = [event(actor, 0), event(actor, 1, "acme.other"), event(actor, 2), event(actor, 3, null)];
    await commit(db, recordEventsWhere(db, events, sql`true`));
    const token = await mintToken({ tenant: actor.tenantId, roles: ["viewer"] });
    const get = async (query: string): Promise<unknown[][]> => {
      const pages: unknown[][] = [];
      let cursor: string | null = "";
      while (cursor !== null) {
        const answer = await api("get", `/api/plugins/events?${query}${cursor && `&cursor=${cursor}`}`, { token });
        const body = answer.body as { items: { sequence: number }[]; nextCursor: string | null };
        expect(answer.status).toBe(200);
        pages.push(body.items.map(({ sequence }) => sequence));
        cursor = body.nextCursor;
      }
      return pages;
    };
    return { actor, get };
  }

  test.each([
    ["", [[4, 3, 2, 1]]],
    ["limit=3", [[4, 3, 2], [1]]],
    [
      "order=oldest&limit=2",
      [
        [1, 2],
        [3, 4],
      ],
    ],
    ["order=oldest&limit=2&after=1", [[2, 3], [4]]],
    ["limit=2&after=1", [[4, 3], [2]]],
    ["after=4", [[]]],
    ["plugin=acme.echo", [[3, 1]]],
    ["type=plugin.deactivated&limit=1", [[4], [2]]],
    ["plugin=acme.other&type=plugin.activated", [[]]],
  ])("%s", async (query, expected) => {
    const { get } = await log();
    expect(await get(query)).toEqual(expected);
  });

  test("shows an event whole", async () => {
    const { actor } = await log();
    const token = await mintToken({ tenant: actor.tenantId, roles: ["viewer"] });
    const { body } = await api("get", "/api/v1/plugins/events?limit=1", { token });
    expect(body).toMatchObject({
      items: [
        {
          sequence: 4,
          pluginId: null,
          type: "plugin.deactivated",
          severity: "notice",
          data: { installId: "install", version: "1.0.3" },
          subject: "olga",
          createdAt: NOW + 3,
        },
      ],
    });
  });

  test.each(["type=nothing", "after=-1", "after=x", "order=best", "plugin=../x"])("refuses %s", async (query) => {
    const token = await mintToken({ tenant: (await openTenant()).tenantId, roles: ["viewer"] });
    expect((await api("get", `/api/plugins/events?${query}`, { token })).status).toBe(400);
  });
});

describe("executions in the log", () => {
  function run(actor: Actor, n: number, change: Partial<ExecutionRecord> = {}): ExecutionRecord {
    return {
      id: `${actor.tenantId}-${n}`,
      tenantId: actor.tenantId,
      installId: "install",
      pluginId: "acme.echo",
      version: "1.0.0",
      functionName: "run",
      status: "succeeded",
      errorCode: null,
      errorDetail: "what the guest said",
      durationMs: n,
      fuel: 10,
      memoryBytes: 0,
      hostCalls: 0,
      inputBytes: 0,
      outputBytes: 0,
      logLines: 0,
      traceId: "0",
      subject: "carl",
      startedAt: NOW + n,
      ...change,
    };
  }
  const failed = (code: string): Partial<ExecutionRecord> => ({ status: "failed", errorCode: code });
  const logOf = (actor: Actor) => readHistory({ db }, actor, { order: "oldest" }, { limit: 99 });

  test("are told together, failures by themselves, and nothing the guest said", async () => {
    const actor = await seedTenant();
    const records = [run(actor, 2), run(actor, 1), run(actor, 3, failed("GRANT_MISSING"))];
    await recordExecutions(makeDeps(), records);
    const log = await logOf(actor);
    const together = {
      count: 3,
      firstExecutionId: `${actor.tenantId}-1`,
      lastExecutionId: `${actor.tenantId}-3`,
      firstStartedAt: NOW + 1,
      lastStartedAt: NOW + 3,
    };
    const failure = { installId: "install", version: "1.0.0", executionId: `${actor.tenantId}-3`, functionName: "run" };
    expect(log.map(({ type, data }) => [type, data])).toEqual([
      ["execution.started", together],
      ["execution.completed", { ...together, failed: 1, durationMs: 6, slowestMs: 3, fuel: 30 }],
      ["execution.failed", { ...failure, code: "GRANT_MISSING", durationMs: 3 }],
      ["security.violated", { ...failure, code: "GRANT_MISSING", capabilities: "", refused: 0 }],
    ]);
    expect(log.map(({ subject }) => subject)).toEqual(["carl", "carl", "carl", "carl"]);
  });

  test("of which many fail cost a bounded number of events, and all are counted", async () => {
    const actor = await seedTenant();
    const records = Array.from({ length: 100 }, (_, n) => run(actor, n, failed("PLUGIN_TRAPPED")));
    await recordExecutions(makeDeps(), records);
    const log = await logOf(actor);
    expect(log).toHaveLength(2 + FAILURES_TOLD);
    expect(log[1]?.data).toMatchObject({ count: 100, failed: 100 });
  });

  test("delivered twice, also in other batches and at once, are told once", async () => {
    const actor = await seedTenant();
    const records = Array.from({ length: 20 }, (_, n) => run(actor, n));
    await recordExecutions(makeDeps(), records.slice(0, 12));
    await Promise.all([0, 4, 8, 0].map((start) => recordExecutions(makeDeps(), records.slice(start))));
    const completed = (await logOf(actor)).filter(({ type }) => type === "execution.completed");
    expect(completed.reduce((sum, { data }) => sum + Number(data["count"]), 0)).toBe(20);
    const stored = await db.select().from(pluginExecutions).where(eq(pluginExecutions.tenantId, actor.tenantId));
    expect(stored).toHaveLength(20);
  });
});
