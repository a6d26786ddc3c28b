import { env } from "cloudflare:workers";
import { eq } from "drizzle-orm";
import { beforeEach, describe, expect, test } from "vitest";
import { bumpRevision, compileSnapshot } from "../../../worker/control/compile.ts";
import { listEvents } from "../../../worker/control/events/store.ts";
import { rewriteOutdatedVersions } from "../../../worker/control/packages/actions/rewrite-again.ts";
import { findOutdated } from "../../../worker/control/packages/rewriting-store.ts";
import { pluginVersions } from "../../../worker/db/schema.ts";
import { createDeps } from "../../../worker/deps.ts";
import { REWRITER_VERSION, rewriteModule } from "../../../worker/execution/metering/rewrite.ts";
import { moduleKey, readModule } from "../../../worker/execution/module-store.ts";
import { snapshotKey, type Snapshot } from "../../../worker/execution/snapshot.ts";
import { sha256Hex } from "../../../worker/lib/hex.ts";
import { concat, utf8 } from "../../fixtures/packages/bytes.ts";
import { guestBytes } from "../../support/guests/provided-guests.ts";
import { api } from "../../support/workers/api.ts";
import { install, openTenant, type Maker } from "../profiles/profiled-plugins.ts";
import { db } from "./upload-fixtures.ts";

const OLDER = "0";

let maker: Maker;
let modules = 0;

/** A module that no other test has, so that nobody else's bytes are harmed: a custom section tells it apart. */
function ownModule(): Uint8Array {
  const name = utf8(`test-${++modules}`);
  return concat(guestBytes("echo"), Uint8Array.from([0, name.length + 1, name.length, ...name]));
}

beforeEach(async () => {
  maker = await openTenant();
});

function deps() {
  return createDeps(env, { waitUntil: (work) => void work });
}

async function version() {
  const [record] = await db.select().from(pluginVersions).where(eq(pluginVersions.tenantId, maker.tenant));
  if (!record) throw new Error("the tenant has no version");
  return record;
}

/** Puts another form of the module in the place of the one that the upload made, as an older rewriter would have left it. */
async function makeOlder(): Promise<string> {
  const record = await version();
  const original = await readModule(env.STORE, record.moduleDigest);
  const policy = { memoryPages: 256, tableElements: 1_000, callDepth: 10_240, backend: "global" } as const;
  const bytes = concat(...rewriteModule(original, policy).chunks);
  const rewrittenDigest = await sha256Hex(bytes);
  await env.STORE.put(moduleKey(rewrittenDigest), bytes);
  const module = { ...record.module, rewriting: { ...record.module.rewriting, rewriterVersion: OLDER } };
  await db.batch([
    db
      .update(pluginVersions)
      .set({ rewrittenDigest, rewriterVersion: OLDER, module })
      .where(eq(pluginVersions.id, record.id)),
    bumpRevision(db, maker.tenant),
  ]);
  await compileSnapshot(deps(), maker.tenant);
  return rewrittenDigest;
}

async function execute(input: string): Promise<unknown> {
  const token = await maker.token("caller");
  const raw = utf8(input);
  const headers = { "content-type": "application/octet-stream" };
  const answer = await api("post", "/api/plugins/acme.count/execute", { token, raw, headers });
  return [answer.status, answer.body];
}

async function snapshotInstall() {
  const snapshot = await (await env.STORE.get(snapshotKey(maker.tenant)))?.json<Snapshot>();
  return snapshot?.installs["acme.count"];
}

describe("a version that an older rewriter made", () => {
  test("runs, is moved to the current rewriter, and runs on", async () => {
    await install(maker, ownModule());
    const uploaded = await version();
    const older = await makeOlder();
    expect(await snapshotInstall()).toMatchObject({ rewriterVersion: OLDER, rewrittenDigest: older });
    expect(await execute("before")).toEqual([200, "before"]);

    expect(await rewriteOutdatedVersions(deps())).toBe(1);
    const moved = await version();
    // The same rewriter and the same module give the same bytes, so the upload's own form is there again.
    expect(moved).toEqual(uploaded);
    expect(moved.rewriterVersion).toBe(REWRITER_VERSION);
    expect(await snapshotInstall()).toMatchObject({
      rewriterVersion: REWRITER_VERSION,
      rewrittenDigest: uploaded.rewrittenDigest,
    });
    expect(await execute("after")).toEqual([200, "after"]);
    // Calls that still hold the older snapshot find its module.
    expect(await env.STORE.head(moduleKey(older))).not.toBeNull();

    const [event] = await listEvents(db, maker.tenant, { type: "package.rewritten" }, { limit: 5, order: "newest" });
    expect(event).toMatchObject({
      pluginId: "acme.count",
      subject: "system",
      data: { version: "1.0.0", from: OLDER, to: REWRITER_VERSION },
    });
    expect(await rewriteOutdatedVersions(deps())).toBe(0);
  });

  test("with files beside its module is moved with all its parts", async () => {
    await install(maker, ownModule(), [{ name: "data/a.txt", data: utf8("a") }], { files: ["data/a.txt"] });
    const uploaded = await version();
    expect(uploaded.module.parts).toBeDefined();
    await makeOlder();
    expect(await rewriteOutdatedVersions(deps())).toBe(1);
    expect(await version()).toEqual(uploaded);
    expect(await execute("parts")).toEqual([200, "parts"]);
  });

  test.each([
    ["missing", undefined],
    ["damaged", utf8("not what the digest says")],
  ])("whose original is %s runs on as it is, and is not tried again", async (_, content) => {
    await install(maker, ownModule());
    const older = await makeOlder();
    const { moduleDigest } = await version();
    if (content === undefined) await env.STORE.delete(moduleKey(moduleDigest));
    else await env.STORE.put(moduleKey(moduleDigest), content);

    expect(await rewriteOutdatedVersions(deps())).toBe(0);
    const record = await version();
    expect(record).toMatchObject({ rewriterVersion: OLDER, rewrittenDigest: older });
    expect(record.module.rewriting.refusedBy).toBe(REWRITER_VERSION);
    const outdatedFor = async (rewriter: string) => (await findOutdated(db, rewriter, 100)).map(({ id }) => id);
    expect(await outdatedFor(REWRITER_VERSION)).not.toContain(record.id);
    expect(await outdatedFor("another")).toContain(record.id);
    expect(await execute("still there")).toEqual([200, "still there"]);
  });

  test("is moved once where two runs meet", async () => {
    await install(maker, ownModule());
    await makeOlder();
    const moved = await Promise.all([rewriteOutdatedVersions(deps()), rewriteOutdatedVersions(deps())]);
    expect(moved.toSorted((a, b) => a - b)).toEqual([0, 1]);
    const events = await listEvents(db, maker.tenant, { type: "package.rewritten" }, { limit: 5, order: "newest" });
    expect(events.length).toBe(1);
  });
});
