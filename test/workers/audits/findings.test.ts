import { env } from "cloudflare:workers";
import { eq } from "drizzle-orm";
import { describe, expect, test } from "vitest";
import { auditOne } from "../../../worker/control/audits/actions/start.ts";
import { openFindings } from "../../../worker/control/audits/finding-store.ts";
import { expiringKeys } from "../../../worker/control/audits/facts-store.ts";
import { recordAdvisory } from "../../../worker/control/advisories/actions.ts";
import { listEvents } from "../../../worker/control/events/store.ts";
import { packageKey } from "../../../worker/control/packages/blob-store.ts";
import { yankVersion } from "../../../worker/control/packages/actions/yank.ts";
import {
  apiKeys,
  capabilityUsage,
  installSecrets,
  pluginEvents,
  pluginInstances,
  pluginPermissions,
  tenants,
} from "../../../worker/db/schema.ts";
import { moduleKey } from "../../../worker/execution/module-store.ts";
import { snapshotKey } from "../../../worker/execution/snapshot.ts";
import { db, seedVersion } from "../control/fixtures.ts";
import { contentOf, NOW, seedAudited, type AuditedTenant } from "./audited-tenant.ts";

const DAY_MS = 86_400_000;

/** Rules and severities of what is open, in the order of the text. */
async function openRules(tenant: AuditedTenant): Promise<string[]> {
  const open = await openFindings(db, tenant.actor.tenantId, tenant.installId);
  return open.map(({ rule, severity }) => `${rule} ${severity}`).sort();
}

async function eventsOf({ actor }: AuditedTenant, type: "finding.opened" | "finding.fixed" | "audit.finished") {
  const events = await listEvents(db, actor.tenantId, { type }, { limit: 50, order: "oldest" });
  return events.map(({ data }) => data);
}

test("an install that is whole has no findings", async () => {
  const tenant = await seedAudited();
  const run = await tenant.audit();
  expect(run).toMatchObject({ total: 1, done: 1, failed: 0, finishedAt: expect.any(Number) as number });
  expect(await tenant.findings()).toEqual([]);
  expect(await eventsOf(tenant, "audit.finished")).toMatchObject([{ auditId: run.id, installs: 1, critical: 0 }]);
});

describe("objects in the store", () => {
  const flipped = (tenant: AuditedTenant, what: string): Uint8Array => {
    const bytes = contentOf(tenant.actor.tenantId, what);
    bytes[3] = (bytes[3] ?? 0) ^ 1;
    return bytes;
  };

  test("a flipped byte of the package is found, and fixed when the byte is right again", async () => {
    const tenant = await seedAudited();
    const key = packageKey(tenant.digests.package);
    await env.STORE.put(key, flipped(tenant, "package"));
    expect(await tenant.audit()).toMatchObject({ high: 1, critical: 0 });
    expect(await openRules(tenant)).toEqual(["package.damaged high"]);
    await env.STORE.put(key, contentOf(tenant.actor.tenantId, "package"));
    await tenant.audit();
    expect(await openRules(tenant)).toEqual([]);
    expect(await eventsOf(tenant, "finding.fixed")).toMatchObject([{ rule: "package.damaged" }]);
  });

  test("a flipped byte of the module as it runs is found, with its remedy", async () => {
    const tenant = await seedAudited();
    await env.STORE.put(moduleKey(tenant.digests.rewritten), flipped(tenant, "rewritten"));
    await tenant.audit();
    const [finding] = await openFindings(db, tenant.actor.tenantId, tenant.installId);
    expect(finding).toMatchObject({
      rule: "module.rewritten-damaged",
      severity: "critical",
      remedy: "repair",
      dedupKey: tenant.digests.rewritten,
      evidence: { digest: tenant.digests.rewritten, missing: false },
    });
  });

  test("missing ones are found", async () => {
    const tenant = await seedAudited();
    await env.STORE.delete([moduleKey(tenant.digests.original), moduleKey(tenant.digests.rewritten)]);
    await tenant.audit();
    expect(await openRules(tenant)).toEqual(["module.original-damaged high", "module.rewritten-damaged critical"]);
    const running = (await tenant.findings()).find(({ severity }) => severity === "critical");
    expect(running).toMatchObject({ remedy: "rollback", evidence: { found: null, missing: true } });
  });
});

describe("the snapshot", () => {
  test("that runs an install otherwise than the database says is found", async () => {
    const tenant = await seedAudited();
    const key = snapshotKey(tenant.actor.tenantId);
    const stored = await (await env.STORE.get(key))?.json<{ installs: Record<string, Record<string, unknown>> }>();
    const install = stored?.installs[tenant.pluginId];
    if (!install) throw new Error("not in the snapshot");
    install["state"] = "inactive";
    await env.STORE.put(key, JSON.stringify(stored));
    await tenant.audit();
    const [finding] = await tenant.findings("open");
    expect(finding).toMatchObject({ rule: "snapshot.drift", evidence: { status: "differs", differing: ["state"] } });
  });

  test.each([
    ["missing", null, "snapshot.drift high"],
    ["unreadable", "{", "snapshot.drift high"],
  ])("that is %s is found", async (status, content, rule) => {
    const tenant = await seedAudited();
    const key = snapshotKey(tenant.actor.tenantId);
    await (content === null ? env.STORE.delete(key) : env.STORE.put(key, content));
    await tenant.audit();
    expect(await openRules(tenant)).toEqual([rule]);
    expect((await tenant.findings())[0]?.evidence).toMatchObject({ status });
  });

  test("that is behind is found", async () => {
    const tenant = await seedAudited();
    await db.update(tenants).set({ snapshotRevision: 99 }).where(eq(tenants.id, tenant.actor.tenantId));
    await tenant.audit();
    expect(await openRules(tenant)).toEqual(["snapshot.behind medium"]);
  });
});

test("grants beyond the manifest and grants without use are found", async () => {
  const tenant = await seedAudited({ permissions: [{ capability: "storage" }, { capability: "crypto" }] });
  const { tenantId } = tenant.actor;
  const scope = { tenantId, installId: tenant.installId, pluginId: tenant.pluginId };
  const grant = { version: "1.0.0", asked: {}, granted: {}, grantedBy: "ada", grantedAt: NOW - 15 * DAY_MS };
  for (const capability of ["storage", "crypto", "analytics"]) {
    await db.insert(pluginPermissions).values({ ...scope, ...grant, id: `${tenantId} ${capability}`, capability });
  }
  const amounts = { executions: 9, calls: 9, refused: 0, bytes: 1, peakCalls: 1, peakBytes: 1, lastUsedAt: NOW };
  const day = Math.floor(NOW / DAY_MS);
  await db.insert(capabilityUsage).values({ ...scope, capability: "storage", scope: "", day, ...amounts });
  await db.update(tenants).set({ snapshotRevision: 1 }).where(eq(tenants.id, tenantId));
  await tenant.audit();
  const found = (await tenant.findings()).filter(({ rule }) => rule.startsWith("grant."));
  expect(found.map(({ rule, dedupKey, remedy }) => `${rule} ${dedupKey} ${remedy}`).sort()).toEqual([
    "grant.exceeds-manifest analytics revoke-grant",
    "grant.unused crypto revoke-grant",
  ]);
});

test("a configuration that no longer fits the schema is found, without its values", async () => {
  const schema = { type: "object", properties: { limit: { type: "integer" } }, required: ["limit"] } as const;
  const tenant = await seedAudited({ config: schema });
  await db
    .update(pluginInstances)
    .set({ config: { limit: "much" } })
    .where(eq(pluginInstances.id, tenant.installId));
  await tenant.audit();
  const finding = (await tenant.findings()).find(({ rule }) => rule === "config.invalid");
  expect(finding?.evidence).toEqual({ revision: 0, places: ["/limit"], unopened: false });
  expect(JSON.stringify(finding)).not.toContain("much");
});

describe("versions", () => {
  test("withdrawn, vulnerable and outdated ones are found, of dependencies too", async () => {
    const tenant = await seedAudited({ dependencies: {} });
    const { actor, deps, pluginId } = tenant;
    const { tenantId } = actor;
    const root = { tenantId: "patchbay", subject: "root", roles: ["admin"] } as const;
    const advisory = await recordAdvisory(deps, root, {
      pluginId,
      range: "<1.1.0",
      severity: "critical",
      text: "leaks",
    });
    await recordAdvisory(deps, root, { pluginId, range: ">=1.1.0", severity: "low", text: "slow" });
    await seedVersion({ tenantId, pluginId, version: "1.1.0" });
    await yankVersion(deps, actor, { pluginId, version: "1.0.0" }, "loses orders");
    await tenant.audit();
    expect(await openRules(tenant)).toEqual([
      "version.outdated info",
      "version.vulnerable critical",
      "version.yanked high",
    ]);
    const vulnerable = (await tenant.findings()).find(({ rule }) => rule === "version.vulnerable");
    expect(vulnerable).toMatchObject({ dedupKey: advisory.id, evidence: { version: "1.0.0", range: "<1.1.0" } });

    const dependent = await seedAudited();
    const base = `${dependent.actor.tenantId}.base`;
    const versionId = await seedVersion({ tenantId: dependent.actor.tenantId, pluginId: base });
    await db.insert(pluginInstances).values({
      id: `base-of-${dependent.actor.tenantId}`,
      tenantId: dependent.actor.tenantId,
      pluginId: base,
      ownerTenantId: dependent.actor.tenantId,
      versionId,
      state: "active",
      config: {},
      limits: {},
      installedBy: "olga",
      createdAt: NOW,
      updatedAt: NOW,
    });
    await env.DB.prepare(
      "UPDATE plugin_versions SET manifest = json_set(manifest, '$.dependencies', json(?)) WHERE id = ?",
    )
      .bind(JSON.stringify({ [base]: "^1.0.0" }), dependent.versionId)
      .run();
    await recordAdvisory(deps, root, { pluginId: base, range: "1.x", severity: "medium", text: "leaks" });
    await yankVersion(deps, dependent.actor, { pluginId: base, version: "1.0.0" }, "leaks");
    await dependent.audit();
    const rules = (await openRules(dependent)).filter((rule) => rule.startsWith("dependency."));
    expect(rules).toEqual(["dependency.vulnerable medium", "dependency.yanked medium"]);
  });
});

test("breakers that flap, failed installs and secrets that end are found", async () => {
  const tenant = await seedAudited();
  const { tenantId } = tenant.actor;
  const { pluginId, installId } = tenant;
  for (let index = 0; index < 4; index++) {
    await db.insert(pluginEvents).values({
      id: `${tenantId} ${index}`,
      tenantId,
      pluginId,
      type: "breaker.opened",
      data: {},
      subject: "system",
      createdAt: NOW - index * 3_600_000,
      sequence: 100 + index,
    });
  }
  await db.update(pluginInstances).set({ state: "error" }).where(eq(pluginInstances.id, installId));
  await db.insert(installSecrets).values({
    tenantId,
    installId,
    kind: "webhook-signing",
    name: "",
    sealed: "AA==",
    detail: {},
    revision: 2,
    updatedBy: "olga",
    updatedAt: NOW - 20 * 3_600_000,
  });
  await tenant.audit();
  const rules = (await openRules(tenant)).filter((rule) => !rule.startsWith("snapshot."));
  expect(rules).toEqual(["breaker.flapping high", "install.failed high", "webhook-secret.ending low"]);
});

test("API keys about to expire are the tenant's own", async () => {
  const tenant = await seedAudited();
  const { tenantId } = tenant.actor;
  const key = { tenantId, secretHash: "0", roles: ["caller" as const], createdAt: NOW };
  await db.insert(apiKeys).values([
    { ...key, id: `${tenantId}-a`, name: "ci", expiresAt: NOW + DAY_MS },
    { ...key, id: `${tenantId}-b`, name: "gone", expiresAt: NOW + DAY_MS, revokedAt: NOW },
    { ...key, id: `${tenantId}-c`, name: "forever" },
  ]);
  expect(await expiringKeys(db, tenantId)).toEqual([{ id: `${tenantId}-a`, name: "ci", expiresAt: NOW + DAY_MS }]);
});

describe("a finding", () => {
  test("is one however often it is found, fixed by itself, and opens again with its history", async () => {
    const tenant = await seedAudited();
    const key = packageKey(tenant.digests.package);
    const damage = () => env.STORE.put(key, "other");
    const mend = () => env.STORE.put(key, contentOf(tenant.actor.tenantId, "package"));
    await damage();
    await tenant.audit();
    const second = await tenant.audit();
    const [known] = await tenant.findings();
    expect(await tenant.findings()).toMatchObject([{ state: "open", count: 2, auditId: second.id }]);
    await mend();
    await tenant.audit();
    expect(await tenant.findings()).toMatchObject([{ id: known?.id, state: "fixed", count: 2 }]);
    await damage();
    await tenant.audit();
    const [again] = await tenant.findings();
    expect(again).toMatchObject({ id: known?.id, state: "open", count: 3, firstSeenAt: known?.firstSeenAt });
    expect(again?.history.map(({ state }) => state)).toEqual(["open", "fixed", "open"]);
    expect(await eventsOf(tenant, "finding.opened")).toMatchObject([
      { findingId: known?.id },
      { findingId: known?.id },
    ]);
    expect(await eventsOf(tenant, "finding.fixed")).toMatchObject([{ findingId: known?.id }]);
  });

  test("of what could not be read stays as it was", async () => {
    const tenant = await seedAudited();
    await env.STORE.put(packageKey(tenant.digests.package), "other");
    await tenant.audit();
    const broken = new Proxy(env.STORE, {
      get: (target, name) =>
        name === "get"
          ? () => Promise.reject(new Error("R2 is away"))
          : (Reflect.get(target, name) as (...given: unknown[]) => unknown).bind(target),
    });
    const deps = { ...tenant.deps, db, env: { ...env, STORE: broken } };
    await auditOne(deps, tenant.actor, tenant.pluginId);
    expect(await openRules(tenant)).toEqual(["package.damaged high"]);
  });
});
