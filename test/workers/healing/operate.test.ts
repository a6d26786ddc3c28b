import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { listAudit } from "../../../worker/control/audit-log/store.ts";
import { listEvents } from "../../../worker/control/events/store.ts";
import type { HealingAnswer } from "../../../worker/control/healing/schema.ts";
import { moduleKey } from "../../../worker/execution/module-store.ts";
import { packageKey } from "../../../worker/control/packages/blob-store.ts";
import { snapshotKey, type Snapshot } from "../../../worker/execution/snapshot.ts";
import { utf8 } from "../../fixtures/packages/bytes.ts";
import { expectProblem } from "../../support/workers/api.ts";
import { db } from "../packages/upload-fixtures.ts";
import type { InferOutput } from "valibot";
import { keepBlob } from "../../../worker/control/backups/blob-store.ts";
import { freshDeps, healingTenant, type HealingTenant } from "./healing-tenant.ts";

/** What operators do by hand. */

const STARTED = ["initializing", "initialized", "starting", "running"];

type Healing = InferOutput<typeof HealingAnswer>;

async function storedInstall({ tenantId, pluginId }: HealingTenant) {
  const snapshot = await (await env.STORE.get(snapshotKey(tenantId)))?.json<Snapshot>();
  return snapshot?.installs[pluginId];
}

describe("safe mode", () => {
  const asking = { permissions: [{ capability: "crypto" }], defaultFunction: "digest_bytes" };

  test("takes capabilities and half the limits, holds across an update, and gives all back", async () => {
    const tenant = await healingTenant("capability", { grants: { crypto: {} }, reuse: "warm" }, asking);
    const { call, pluginId, run } = tenant;
    const before = await storedInstall(tenant);
    expect((await run({ functionName: "digest_bytes", input: "a" })).outcome.failure).toBeUndefined();

    const entered = await call("put", `/safe-mode/${pluginId}`, { enabled: true, reason: "it phones home" });
    expect(entered.status).toBe(200);
    expect(entered.body).toMatchObject({ safeMode: { reason: "it phones home", since: expect.any(Number) } });
    const safe = await storedInstall(tenant);
    expect(safe).toMatchObject({ grants: {}, safeMode: true });
    expect(safe?.warm).toBeUndefined();
    expect(safe?.limits).toMatchObject({
      fuel: (before?.limits.fuel ?? 0) / 2,
      wallClock: (before?.limits.wallClock ?? 0) / 2,
      output: (before?.limits.output ?? 0) / 2,
      memory: before?.limits.memory,
    });
    const refused = await run({ functionName: "digest", input: "a" });
    expect(new TextDecoder().decode(refused.outcome.output)).toContain("GRANT_MISSING");

    await tenant.upload("capability", { version: "2.0.0", ...asking });
    expect((await call("put", `/${pluginId}`, { version: "2.0.0" })).status).toBe(200);
    expect(await storedInstall(tenant)).toMatchObject({ version: "2.0.0", safeMode: true, grants: {} });
    expect((await call("get", `/${pluginId}`)).body).toMatchObject({
      install: { safeMode: { reason: "it phones home" } },
    });

    const left = await call("put", `/${pluginId}/safe-mode`, { enabled: false, reason: "looked into" });
    expect(left.body).toMatchObject({ safeMode: null });
    expect(await storedInstall(tenant)).toMatchObject({ grants: { crypto: {} }, limits: before?.limits, warm: {} });
  });

  test("is in the events, in the audit log and among the healing events, once each", async () => {
    const tenant = await healingTenant("echo");
    const { call, pluginId, tenantId } = tenant;
    await call("put", `/safe-mode/${pluginId}`, { enabled: true, reason: "one" });
    await call("put", `/safe-mode/${pluginId}`, { enabled: true, reason: "two" });
    await call("put", `/safe-mode/${pluginId}`, { enabled: false });
    const types = ["plugin.safe-mode-entered", "plugin.safe-mode-left", "healing.ended"] as const;
    const events = await listEvents(db, tenantId, { type: types }, { limit: 50, order: "oldest" });
    expect(events.map(({ type, data }) => [type, (data as { reason?: string }).reason])).toEqual([
      ["plugin.safe-mode-entered", "one"],
      ["healing.ended", "one It runs without capabilities and with half its limits."],
      ["plugin.safe-mode-left", "An operator asked for it."],
      ["healing.ended", "An operator asked for it. It has its capabilities and limits again."],
    ]);
    const audit = await listAudit(db, tenantId, { resource: "install" }, { limit: 50 });
    expect(audit.map(({ action }) => action)).toEqual([
      "install.leave-safe-mode",
      "install.enter-safe-mode",
      "install.create",
    ]);
    const healing = await tenant.healing();
    expect(healing.map(({ remedy, cause, outcome }) => [remedy, cause, outcome])).toEqual([
      ["leave-safe-mode", "operator", "unproven"],
      ["safe-mode", "operator", "unproven"],
    ]);
    expect(healing[1]).toMatchObject({ before: { safeMode: false }, after: { safeMode: true, version: "1.0.0" } });
  });

  test("ends with the install", async () => {
    const tenant = await healingTenant("echo");
    const { call, pluginId } = tenant;
    await call("put", `/safe-mode/${pluginId}`, { enabled: true });
    await call("delete", `/${pluginId}`);
    expect((await call("post", `/install/${pluginId}`, {})).body).toMatchObject({ safeMode: null });
  });

  test.each([{ enabled: "yes" }, {}, { enabled: true, reason: "" }])("is refused for %j", async (body) => {
    const { call, pluginId } = await healingTenant("echo");
    expectProblem(await call("put", `/safe-mode/${pluginId}`, body), "REQUEST_INVALID");
  });
});

describe("a restart", () => {
  test("leads to a new generation of isolates everywhere, and runs the lifecycle", async () => {
    const tenant = await healingTenant("life");
    const { call, pluginId, tenantId } = tenant;
    const answer = await call("post", `/restart/${pluginId}`, { reason: "odd" });
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({
      remedy: "restart",
      cause: "operator",
      before: { generation: 0, version: "1.0.0", state: "active" },
      after: { generation: 1 },
      reason: "odd It runs in isolates of generation 1.",
    });
    expect(await storedInstall(tenant)).toMatchObject({ generation: 1 });
    const moves = await listEvents(db, tenantId, { type: "instance.moved" }, { limit: 50, order: "oldest" });
    expect(moves.map(({ data }) => (data as { to: string }).to)).toEqual([
      ...STARTED,
      "stopping",
      "stopped",
      ...STARTED,
    ]);
  });

  test("cannot be repeated without end", async () => {
    const { call, pluginId } = await healingTenant("echo");
    for (let at = 0; at < 3; at++) await call("post", `/${pluginId}/restart`);
    const { status, body } = await call("post", `/${pluginId}/restart`);
    expect(status).toBe(200);
    expect(body).toMatchObject({ outcome: "failed", after: { generation: 3 } });
    expect((body as Healing).reason).toContain("ISOLATE_REPLACED_TOO_OFTEN");
  });

  test("of what is quarantined, or not installed, is refused", async () => {
    const { call, pluginId, tenantId } = await healingTenant("echo");
    await env.DB.prepare("UPDATE plugin_instances SET state = 'quarantined' WHERE tenant_id = ?").bind(tenantId).run();
    expectProblem(await call("post", `/restart/${pluginId}`), "STATE_CONFLICT");
    expectProblem(await call("post", `/restart/${tenantId}.other`), "INSTALL_NOT_FOUND");
  });
});

describe("a repair", () => {
  async function damage(key: string, how: "missing" | "damaged"): Promise<void> {
    if (how === "missing") await env.STORE.delete(key);
    else await env.STORE.put(key, utf8("these are not the bytes"));
  }

  test.each(["missing", "damaged"] as const)("makes a %s metered module again, byte for byte", async (how) => {
    const tenant = await healingTenant("echo");
    const { call, pluginId, run } = tenant;
    const { rewrittenDigest } = await tenant.version();
    await damage(moduleKey(rewrittenDigest), how);
    expect((await run({ input: "x" })).outcome.failure?.code).toBe("INTEGRITY_FAILED");

    const { body } = await call("post", `/repair/${pluginId}`);
    expect(body).toMatchObject({
      outcome: "helped",
      reason: "An operator asked for it. Restored: metered module. It runs in isolates of generation 1.",
      before: { failed: 1, faults: { INTEGRITY_FAILED: 1 } },
      verification: { verdict: "helped", failing: { replayed: 1, succeeded: 1 } },
    });
    expect((await tenant.version()).rewrittenDigest).toBe(rewrittenDigest);
    expect((await run({ input: "x" })).outcome.failure).toBeUndefined();
  });

  test("makes files again, and takes a lost module from its package", async () => {
    const files = { files: ["data/a.txt"] };
    const packaging = { files: [{ name: "data/a.txt", data: utf8("a") }] };
    const tenant = await healingTenant("echo", {}, files, packaging);
    const { module, moduleDigest } = await tenant.version();
    await damage(`files/${module.parts?.files?.digest}`, "missing");
    await damage(moduleKey(moduleDigest), "damaged");
    const { body } = await tenant.call("post", `/repair/${tenant.pluginId}`);
    expect(body).toMatchObject({ outcome: "helped" });
    expect((body as Healing).reason).toContain("Restored: module as uploaded, files.");
    expect((await tenant.run({ input: "x" })).outcome.failure).toBeUndefined();
    expect((await tenant.call("post", `/repair/${tenant.pluginId}`)).body).toMatchObject({
      outcome: "helped",
      reason: expect.stringContaining("All that is stored of it is what was uploaded."),
    });
  });

  test("that finds an original in no place fails, says what is lost, and changes nothing", async () => {
    const tenant = await healingTenant("echo", {}, {}, { bare: true });
    const { moduleDigest, rewrittenDigest } = await tenant.version();
    await damage(moduleKey(moduleDigest), "missing");
    await damage(moduleKey(rewrittenDigest), "damaged");
    const { body } = await tenant.call("post", `/repair/${tenant.pluginId}`);
    expect(body).toMatchObject({ outcome: "failed", verification: null, after: { generation: 0 } });
    expect((body as Healing).reason).toContain(
      `Missing or damaged, and in no backup: module as uploaded ${moduleDigest}`,
    );
    expect(await env.STORE.head(moduleKey(rewrittenDigest))).not.toBeNull();
  });

  test("takes from a backup what is in no other place", async () => {
    const tenant = await healingTenant("echo", {}, {}, { bare: true });
    const { moduleDigest, rewrittenDigest, packageDigest } = await tenant.version();
    const blobs = [moduleKey(moduleDigest), packageKey(packageDigest)];
    for (const [at, digest] of [moduleDigest, packageDigest].entries()) {
      expect(await keepBlob(freshDeps(), { digest, key: blobs[at] ?? "" })).toBe("kept");
    }
    await damage(moduleKey(moduleDigest), "missing");
    await damage(packageKey(packageDigest), "damaged");
    await damage(moduleKey(rewrittenDigest), "damaged");
    const { body } = await tenant.call("post", `/repair/${tenant.pluginId}`);
    expect(body).toMatchObject({ outcome: "helped" });
    expect((body as Healing).reason).toContain("Restored: package, module as uploaded, metered module.");
    for (const key of blobs) expect(await env.STORE.head(key)).not.toBeNull();
    expect((await tenant.run({ input: "x" })).outcome.failure).toBeUndefined();
  });

  test("makes the metered module again although the package is lost for good, and says what is lost", async () => {
    const tenant = await healingTenant("echo");
    const { rewrittenDigest, packageDigest } = await tenant.version();
    await damage(packageKey(packageDigest), "missing");
    await damage(moduleKey(rewrittenDigest), "missing");
    const { body } = await tenant.call("post", `/repair/${tenant.pluginId}`);
    expect(body).toMatchObject({ outcome: "helped" });
    expect((body as Healing).reason).toContain("Restored: metered module. Lost, and in no backup: package.");
    expect((await tenant.run({ input: "x" })).outcome.failure).toBeUndefined();
  });

  test("of a lost package whose module runs fails and says so", async () => {
    const tenant = await healingTenant("echo");
    await damage(packageKey((await tenant.version()).packageDigest), "missing");
    const { body } = await tenant.call("post", `/repair/${tenant.pluginId}`);
    expect(body).toMatchObject({ outcome: "failed" });
    expect((await tenant.run({ input: "x" })).outcome.failure).toBeUndefined();
  });
});

test("quarantine takes an install out of use until it is released and activated", async () => {
  const tenant = await healingTenant("echo");
  const { call, pluginId } = tenant;
  const quarantined = await call("post", `/${pluginId}/quarantine`, { reason: "it calls home" });
  expect(quarantined.body).toMatchObject({ remedy: "quarantine", outcome: "helped", after: { state: "quarantined" } });
  await expect(tenant.run()).rejects.toMatchObject({ code: "PLUGIN_INACTIVE" });
  expectProblem(await call("post", `/${pluginId}/activate`), "STATE_CONFLICT");
  expect((await call("post", `/${pluginId}/release`, { reason: "it was a test" })).body).toMatchObject({
    state: "inactive",
  });
  expect((await call("post", `/${pluginId}/activate`)).body).toMatchObject({ state: "active" });
  expect((await tenant.run({ functionName: "run" })).outcome.failure).toBeUndefined();
});

describe("two healers of one install", () => {
  test("exclude each other", async () => {
    const { call, pluginId, healing } = await healingTenant("life");
    const answers = await Promise.all([call("post", `/restart/${pluginId}`), call("post", `/repair/${pluginId}`)]);
    const statuses = answers.map(({ status }) => status).sort((a, b) => a - b);
    expect(statuses).toEqual([200, 409]);
    expect((await healing()).length).toBe(1);
  });
});

describe("GET /self-debug/healing-events", () => {
  test("filters and pages, newest first, and shows a tenant its own", async () => {
    const tenant = await healingTenant("echo");
    const { call, pluginId } = tenant;
    await call("post", `/restart/${pluginId}`);
    await call("put", `/safe-mode/${pluginId}`, { enabled: true });
    await call("put", `/safe-mode/${pluginId}`, { enabled: false });
    const list = async (query: string) => {
      const { body } = await call("get", `/self-debug/healing-events${query}`);
      return body as { items: Healing[]; nextCursor: string | null };
    };
    const first = await list("?limit=2");
    expect(first.items.map(({ remedy }) => remedy)).toEqual(["leave-safe-mode", "safe-mode"]);
    const second = await list(`?limit=2&cursor=${first.nextCursor}`);
    expect(second.items.map(({ remedy }) => remedy)).toEqual(["restart"]);
    expect((await list("?remedy=restart&cause=operator")).items.length).toBe(1);
    expect((await list("?outcome=undone")).items).toEqual([]);
    expect((await list(`?pluginId=${pluginId}`)).items.length).toBe(3);
    const other = await healingTenant("echo");
    expect((await other.call("get", "/self-debug/healing-events")).body).toMatchObject({ items: [] });
  });
});
