import {
  createExecutionContext,
  createMessageBatch,
  getQueueResult,
  introspectWorkflow,
  runDurableObjectAlarm,
  runInDurableObject,
} from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, expect, test } from "vitest";
import { streamOf } from "../../../durable-objects/event-stream/client.ts";
import { confirmationOf, planRestore, startRestore } from "../../../worker/control/backups/actions/restore.ts";
import { tendSystem } from "../../../worker/control/modes/actions.ts";
import { advanceErasure, continueErasures } from "../../../worker/control/erasures/actions/run.ts";
import { listOwnedTables } from "../../../worker/control/erasures/rows-store.ts";
import { LATE_WRITES_MS, SETTLED_MS } from "../../../worker/control/erasures/rules.ts";
import { getErasure } from "../../../worker/control/erasures/store.ts";
import { createDeps, createResident, type Deps } from "../../../worker/deps.ts";
import { provedFrames } from "../../../worker/control/backups/install-state-store.ts";
import { STATE_OBJECTS } from "../../../worker/control/backups/state-frame-rules.ts";
import { sha256Hex } from "../../../worker/lib/hex.ts";
import { spillOutcomes } from "../../../worker/execution/spilled-outcomes.ts";
import { consume } from "../../../worker/queues.ts";
import { expectProblem } from "../../support/workers/api.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { backUp, backupDeps, clock, finish, launched, restoreOf } from "../backups/runs.ts";
import { settledApi } from "../recording/recorded-calls.ts";
import { fillTenant, rootToken, type FullTenant } from "./full-tenant.ts";
import { allKeys, durableObjects, objectsWith, rowsWith } from "./traces.ts";

let root: string;
let gone: FullTenant;
let stays: FullTenant;
let words: readonly string[];
let before: { readonly objects: ReadonlySet<string>; readonly neighbour: readonly string[] };
let systemBackup: string;

const ADMIN = { tenantId: "patchbay", subject: "root", roles: ["admin"] } as const;
const PATH = "/api/v1/admin/tenants/quagga";

const ask = (body: object) => settledApi("POST", `${PATH}/erasure`, { token: root, body }, BINDINGS);
/** Runs are taken by the test itself. */
const BINDINGS = { BACKUP_RUNS: { create: () => Promise.resolve({}) } } as unknown as Partial<Env>;

beforeAll(async () => {
  root = await rootToken();
  stays = await fillTenant("neighbour");
  const known = new Set((await durableObjects()).map(({ id }) => id));
  gone = await fillTenant("quagga");
  words = [gone.tenantId, gone.canary];
  await backUp({ kind: "tenant", tenantId: gone.tenantId });
  systemBackup = (await backUp()).id;
  before = { objects: known, neighbour: await traceOf(stays) };
}, 120_000);

/** What there is of a tenant, but for what only grows. */
async function traceOf({ tenantId, canary }: FullTenant): Promise<readonly string[]> {
  return [...(await rowsWith([tenantId, canary])), ...(await objectsWith([tenantId, canary]))]
    .filter(
      (text) =>
        !/^(?:tenants|audit_chains|plugin_backups|webhook_deliveries|jobs)/.test(text) && !text.startsWith("backups/"),
    )
    .toSorted();
}

async function pass(deps: Deps = backupDeps()): Promise<number> {
  for (let steps = 1; steps < 500; steps++) if (await advanceErasure(deps, gone.tenantId)) return steps;
  throw new Error("The pass does not end.");
}

test("the tenant has rows in every table, objects in every place, and state in Durable Objects", async () => {
  for (const table of await listOwnedTables(env.DB)) {
    const column = table === "tenants" ? "id" : "tenant_id";
    const row = await env.DB.prepare(`SELECT 1 AS one FROM "${table}" WHERE ${column} = ?`).bind(gone.tenantId).first();
    expect([table, row]).toEqual([table, { one: 1 }]);
  }
  const keys = await objectsWith(words);
  for (const place of ["recordings/", "snapshots/", "plugin-files/", "storage-snapshots/", "audit-heads/", "modules/"])
    expect([place, keys.some((key) => key.startsWith(place))]).toEqual([place, true]);
  const made = (await durableObjects()).filter(({ id, content }) => !before.objects.has(id) && content !== "");
  expect(new Set(made.map(({ binding }) => binding))).toEqual(
    new Set([
      "EVENT_STREAM",
      "IDEMPOTENCY",
      "MESSAGE_INBOX",
      "PLUGIN_DATABASE",
      "PLUGIN_FILES",
      "PLUGIN_HEALTH",
      "PLUGIN_STORAGE",
    ]),
  );
});

test("an export has every row, object and state, and proves that it is whole", async () => {
  const answer = await settledApi("GET", `${PATH}/export`, { token: root });
  const texts = String(answer.body).trimEnd().split("\n");
  const lines = texts.map((text) => JSON.parse(text) as ExportLine);
  expect(lines.at(-1)).toEqual({
    kind: "end",
    lines: lines.length - 1,
    sha256: await sha256Hex(`${texts.slice(0, -1).join("\n")}\n`),
  });

  for (const table of await listOwnedTables(env.DB)) {
    if (OF_THE_PLATFORM.has(table)) continue;
    const column = table === "tenants" ? "id" : "tenant_id";
    const found = lines.filter((line) => line.table === table).map(({ row }) => row);
    const statement = env.DB.prepare(`SELECT * FROM "${table}" WHERE ${column} = ? ORDER BY rowid`);
    expect([table, found]).toEqual([table, (await statement.bind(gone.tenantId).all()).results]);
  }

  const objects = new Map<string, Uint8Array[]>();
  for (const { kind, key = "", bytes = "" } of lines) {
    if (kind === "object") objects.set(key, []);
    if (kind === "object-bytes") objects.get(key)?.push(Uint8Array.fromBase64(bytes));
  }
  for (const [key, pieces] of objects) {
    const stored = new Uint8Array((await (await env.STORE.get(key))?.arrayBuffer()) ?? new ArrayBuffer());
    expect([key, new Uint8Array(await new Blob(pieces).arrayBuffer())]).toEqual([key, stored]);
  }
  // What is named by digests is the tenant's by its versions; backups are the platform's.
  const own = (await objectsWith(words)).filter((key) => !key.startsWith("backups/"));
  expect([...objects.keys()]).toEqual(expect.arrayContaining([...own]));
  const versions = await env.DB.prepare("SELECT * FROM plugin_versions WHERE tenant_id = 'quagga'").all();
  const digests = new Set(JSON.stringify(versions.results).match(/[0-9a-f]{64}/g));
  const keys = (await allKeys()).filter((key) => /^(?:packages|modules|files)/.test(key));
  for (const key of keys.filter((name) => digests.has(/[0-9a-f]{64}/.exec(name)?.[0] ?? "")))
    expect([...objects.keys()]).toContain(key);

  const states = lines.filter(({ kind }) => kind === "object-state");
  expect(states).toMatchObject([
    { object: "EventStream", events: expect.arrayContaining([expect.anything()]) as unknown },
    { object: "MessageInbox", installId: gone.installId, deliveries: [{ id: `storage_get ${gone.canary}` }] },
  ]);
  const state = lines.flatMap(({ kind, bytes = "" }) =>
    kind === "install-state" ? [Uint8Array.fromBase64(bytes)] : [],
  );
  const frames = [];
  for await (const frame of provedFrames(new Blob(state).stream())) frames.push(frame);
  expect(frames.flatMap((frame) => (frame.kind === "object" ? [frame.object] : []))).toEqual(STATE_OBJECTS);
  expect(new TextDecoder("latin1").decode(await new Blob(state).arrayBuffer())).toContain(gone.canary);
});

interface ExportLine {
  readonly kind: string;
  readonly table?: string;
  readonly row?: unknown;
  readonly key?: string;
  readonly bytes?: string;
}

/** What the platform notes for its own work. */
const OF_THE_PLATFORM = new Set(["audit_chains", "backup_rows", "plugin_backups", "plugin_restores"]);

test("is planned without a change, and begins for a suspended tenant with the plan's confirmation only", async () => {
  const plan = await ask({});
  expect(plan).toMatchObject({
    status: 200,
    body: {
      tenantId: "quagga",
      status: "active",
      installs: 1,
      backups: 2,
      packages: { shared: expect.any(Number) as number },
    },
  });
  const first = (plan.body as { confirmation: string }).confirmation;
  expectProblem(await ask({ confirmation: first }), "ERASURE_REFUSED");
  await settledApi("PATCH", PATH, { token: root, body: { status: "suspended" } });
  expectProblem(await ask({ confirmation: first }), "ERASURE_REFUSED");
  const again = (await ask({})).body as { confirmation: string };
  expectProblem(await ask({ confirmation: `${again.confirmation}0` }), "ERASURE_REFUSED");
  const own = await mintToken({ tenant: stays.tenantId, roles: ["admin"] });
  expectProblem(await settledApi("POST", `${PATH}/erasure`, { token: own, body: {} }), "PERMISSION_DENIED");
  expectProblem(
    await settledApi("POST", "/api/v1/admin/tenants/patchbay/erasure", { token: root, body: {} }),
    "ERASURE_REFUSED",
  );
  const begun = await ask({ confirmation: again.confirmation });
  expect(begun).toMatchObject({ status: 202, body: { status: "running", counts: { rows: 0 } } });
  expect(await ask({ confirmation: again.confirmation })).toMatchObject({ status: 202, body: { tenantId: "quagga" } });
  expectProblem(await settledApi("PATCH", PATH, { token: root, body: { status: "active" } }), "STATE_CONFLICT");
  launched.length = 0;
});

test("its part of the system's backups is lost at once", async () => {
  const plan = await planRestore(backupDeps(), systemBackup, { kind: "system" });
  expect(Object.keys(plan.erased)).toEqual(["quagga"]);
});

test("goes on after it died at any step, and leaves nothing", async () => {
  for (let done = false; !done;) {
    // Dies after its work and before it has written down that it is done.
    const deps = backupDeps();
    await advanceErasure({ ...deps, db: dyingAt(deps.db) }, gone.tenantId).catch(() => undefined);
    done = await advanceErasure(backupDeps(), gone.tenantId);
  }
  const erasure = await getErasure(backupDeps().db, gone.tenantId);
  expect(erasure).toMatchObject({ status: "settling", remaining: [], counts: { installs: 1 } });
  expectProblem(await settledApi("GET", PATH, { token: root }), "TENANT_NOT_FOUND");
  expectProblem(
    await gone
      .call("GET", `/v1/plugins/${gone.pluginId}`)
      .catch(() => settledApi("GET", "/api/v1/plugins", { token: gone.token })),
    "TENANT_UNKNOWN",
  );
});

/** A connection that is lost when progress is written. */
function dyingAt<T extends object>(db: T): T {
  return new Proxy(db, {
    get(target, name) {
      if (name === "update") throw new Error("the worker died");
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === "function" ? (member.bind(target) as unknown) : member;
    },
  });
}

test("what arrives afterwards is dropped, and what is written late is deleted", async () => {
  const { tenantId, installId, pluginId, canary } = gone;
  const record = { id: backupDeps().newId(), tenantId, installId, pluginId, subject: canary };
  const delivery = { kind: "delivery", tenantId, installId, pluginId, messageId: canary, functionName: "storage_get" };
  const bodies: Readonly<Record<string, object>> = {
    "patchbay-outcomes": record,
    "patchbay-outcomes-dead": record,
    "patchbay-messages": delivery,
    "patchbay-messages-dead": delivery,
    "patchbay-webhooks": { tenantId, deliveryId: canary },
    "patchbay-audits": { tenantId, auditId: canary, number: 1 },
    "patchbay-health-checks": { tenantId, pluginIds: [pluginId] },
  };
  for (const [queue, body] of Object.entries(bodies)) {
    const batch = createMessageBatch(queue, [{ id: "late", timestamp: new Date(), attempts: 1, body }]);
    const context = createExecutionContext();
    await consume(createDeps(env, context), batch);
    expect([queue, (await getQueueResult(batch, context)).explicitAcks]).toEqual([queue, ["late"]]);
  }
  await spillOutcomes(env.STORE, backupDeps().newId(), [record as never]); // all of it that is looked at
  await tendSystem(backupDeps());
  expect(await rowsWith([canary])).toEqual([]);
  expect(await objectsWith([canary])).toEqual([]);

  await env.DB.prepare("INSERT INTO topic_counts VALUES (?, ?, 1, 1, 1, 1, 1)").bind(tenantId, canary).run();
  await env.STORE.put(`recordings/${tenantId}/late`, canary);
  await env.STORE.put(`new-place/${tenantId}/late`, canary);
  await streamOf(env.EVENT_STREAM, tenantId).keepTicket("hash", { subject: canary, roles: [] }, Date.now() + 1e9);
  clock.skip += LATE_WRITES_MS;
  await pass();
  const erasure = await getErasure(backupDeps().db, tenantId);
  expect(erasure).toMatchObject({ status: "settling", remaining: [`object new-place/${tenantId}/late`] });
  await env.STORE.delete(`new-place/${tenantId}/late`);
});

test("what is due is taken up by the cron job, in a Workflow", async () => {
  await env.DB.prepare("UPDATE tenant_erasures SET due_at = 0, failures = 3 WHERE tenant_id = ?")
    .bind(gone.tenantId)
    .run();
  await using introspector = await introspectWorkflow(env.BACKUP_RUNS);
  await continueErasures({ ...backupDeps(), env });
  const [instance] = await introspector.get();
  await instance?.waitForStatus("complete");
  expect(await getErasure(backupDeps().db, gone.tenantId)).toMatchObject({ status: "settling", failures: 0 });
});

test("is complete once nobody can write any more, and a scan of every store finds nothing", async () => {
  clock.skip += SETTLED_MS;
  for (const { id } of (await durableObjects()).filter(({ binding }) => binding === "IDEMPOTENCY")) {
    const stub = env.IDEMPOTENCY.get(env.IDEMPOTENCY.idFromString(id));
    await runInDurableObject(stub, (_object, { storage }) => {
      storage.sql.exec("UPDATE calls SET started_at = 0"); // a day ago
    });
    await runDurableObjectAlarm(stub);
  }
  await pass();
  expect(await settledApi("GET", `${PATH}/erasure`, { token: root })).toMatchObject({
    status: 200,
    body: { status: "completed", remaining: [] },
  });

  expect(await rowsWith([gone.canary])).toEqual([]);
  const named = (await rowsWith([gone.tenantId])).map((text) => text.split(":", 1)[0]);
  expect(new Set(named)).toEqual(new Set(["audit_log", "plugin_events", "tenant_erasures"]));
  for (const text of await rowsWith([gone.tenantId]))
    expect(text).not.toContain(`"tenant_id":"${gone.tenantId}","action"`);
  expect(await objectsWith([gone.canary])).toEqual([]);
  // Backups of before say that there was a part of it, and nobody can open that.
  const keys = (await objectsWith([gone.tenantId])).filter((key) => !/^backups\/[0-9A-Z]{26}\//.test(key));
  expect(keys).toEqual(["backups/keys/quagga"]);
  const objects = await durableObjects();
  expect(objects.filter(({ content }) => words.some((word) => content.includes(word)))).toEqual([]);
  const left = objects.filter(
    ({ id, binding, content }) => !before.objects.has(id) && binding !== "SYSTEM_MODE" && content !== "",
  );
  expect(left).toEqual([]);
});

test("the neighbour has everything as it was", async () => {
  expect(await traceOf(stays)).toEqual(before.neighbour);
});

test("a restore of the system from a backup of before does not bring it back", async () => {
  const deps = backupDeps();
  const scope = { kind: "system" } as const;
  const plan = await planRestore(deps, systemBackup, scope);
  const { confirmation } = await confirmationOf(deps, ADMIN, plan);
  const { id } = await startRestore(deps, ADMIN, systemBackup, scope, confirmation);
  await finish({ kind: "restore", id });
  expect(await restoreOf(id)).toMatchObject({
    status: "completed",
    reason: expect.stringMatching(/^tenant "quagga" was erased on [-0-9]{10}, its part cannot be read$/) as string,
  });
  expect(await rowsWith([gone.canary])).toEqual([]);
  expect(await env.DB.prepare("SELECT 1 FROM tenants WHERE id = 'quagga'").first()).toBeNull();
  // Files come back under new keys, and the log says who restored.
  const lasting = (texts: readonly string[]): readonly string[] =>
    texts.filter((text) => !/^(?:audit_log|plugin-files)/.test(text));
  expect(lasting(await traceOf(stays))).toEqual(lasting(before.neighbour));
});

test("a package that both had is there", async () => {
  await stays.call("POST", `/plugins/install/neighbour.shared`, { body: { config: { x: "y" } } });
  const answer = await stays.call("POST", "/plugins/neighbour.shared/execute", { body: { input: "x" } });
  expect(answer).toMatchObject({ status: 200, body: { output: "y" } });
});

test("its id is not given again, and the platform's log says who erased it, without its name", async () => {
  const body = { id: "quagga", name: "Again" };
  expectProblem(await settledApi("POST", "/api/v1/admin/tenants", { token: root, body }), "ALREADY_EXISTS");
  const audited = await env.DB.prepare(
    "SELECT tenant_id, subject, after FROM audit_log WHERE action = 'tenant.erase'",
  ).first<{ after: string }>();
  expect(audited).toMatchObject({ tenant_id: "patchbay", subject: "root" });
  const events = await env.DB.prepare("SELECT type, data FROM plugin_events WHERE type LIKE 'tenant.%'").all();
  expect(events.results).toMatchObject([{ type: "tenant.erased", data: expect.stringContaining("quagga") as string }]);
});

test("resident isolates forget it too", async () => {
  const deps = createDeps(env, createExecutionContext(), clock, createResident());
  expect(await deps.snapshots.read(gone.tenantId)).toBeUndefined();
});
