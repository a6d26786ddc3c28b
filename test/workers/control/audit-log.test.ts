import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { PLATFORM_TENANT } from "../../../sdk/contract/identifiers.ts";
import { recordAudit } from "../../../worker/control/audit-log/store.ts";
import { auditRow } from "../../../worker/control/audit-log/rules.ts";
import { createKey, revokeApiKey } from "../../../worker/control/keys/actions.ts";
import { removeMember, setMember } from "../../../worker/control/members/actions.ts";
import { installPlugin } from "../../../worker/control/installs/actions/install.ts";
import { updateInstall } from "../../../worker/control/installs/actions/update.ts";
import { createTenant, updateTenantFields } from "../../../worker/control/tenants/actions.ts";
import type { Route } from "../../../worker/http/route.ts";
import { routes } from "../../../worker/routes.ts";
import { api, expectProblem, type ApiAnswer } from "../../support/workers/api.ts";
import { exampleOf, pathsOf, requestFor } from "../../support/workers/examples.ts";
import { seedResources, type Resources } from "../../support/workers/resources.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { db, makeDeps, refusal, seedInstall, seedTenant } from "./fixtures.ts";

/** Operations with a method that may change something, and why they leave no row. */
const WITHOUT_ROW: Readonly<Record<string, string>> = {
  executePlugin: "runs a plugin; its record tells of it",
  executePluginByPath: "runs a plugin; its record tells of it",
  fireHook: "runs plugins; their records and an event tell of it",
  postPluginEndpoint: "runs a plugin; its record tells of it",
  putPluginEndpoint: "runs a plugin; its record tells of it",
  patchPluginEndpoint: "runs a plugin; its record tells of it",
  deletePluginEndpoint: "runs a plugin; its record tells of it",
  optionsPluginEndpoint: "changes nothing",
  restoreBackup: "changes nothing without a confirmation; with one its row is looked at where backups are tested",
  eraseTenant: "the same; its row is looked at where erasures are tested",
  createStreamTicket: "proves who opens one connection, and is gone in 30 seconds",
  testWebhook: "sends a request that says it is a test, and keeps nothing",
  testAlertRule: "sends what says it is a test, and keeps nothing",
  confirmAlertEmail: "is done by whoever has the link; its row is looked at with the rest of it",
  receivePluginWebhook: "runs a plugin; its record tells of it",
  validateConfig: "tries a configuration and writes nothing",
  publishMessage: "sends a message; topics are counted, and a call without D1 is the point",
  profilePlugin: "runs a plugin and keeps nothing",
  profileExecution: "runs a recorded call again and keeps nothing",
  healPlugin: "nothing is wrong in its example; a remedy leaves its own row",
  healPluginById: "nothing is wrong in its example; a remedy leaves its own row",
  replayExecution: "runs a recorded call again and keeps nothing",
  bisectPlugin: "runs recorded calls again and keeps nothing",
};

const mutating = routes
  .filter((route) => route.method !== "get" && !Object.hasOwn(WITHOUT_ROW, route.operationId))
  .map((route) => ({ id: route.operationId, route }));

/** What must be so that the example of an operation changes something. Requests of the tenant's admin. */
const BEFORE: Readonly<Record<string, (resources: Resources) => [method: string, path: string, body?: unknown]>> = {
  releasePlugin: ({ pluginId }) => ["post", `/${pluginId}/quarantine`, {}],
  rollBackConfig: ({ pluginId }) => ["patch", `/${pluginId}/config`, { a: 9 }],
  unyankVersion: ({ pluginId }) => ["put", `/${pluginId}/versions/1.0.0/yank`, { reason: "loses orders" }],
  promoteUpgrade: ({ pluginId }) => ["post", `/${pluginId}/upgrade`, { version: "1.1.0" }],
  abortUpgrade: ({ pluginId }) => ["post", `/${pluginId}/upgrade`, { version: "1.1.0" }],
  rollBackPlugin: ({ pluginId }) => ["post", `/${pluginId}/upgrade`, { version: "1.1.0" }],
  reopenFinding: ({ findingId }) => ["post", `/self-debug/findings/${findingId}/acknowledge`, { reason: "known" }],
  activatePlugin: ({ pluginId }) => ["post", `/${pluginId}/deactivate`],
  loadPlugin: ({ pluginId }) => ["post", `/${pluginId}/deactivate`],
  installPlugin: ({ pluginId }) => ["delete", `/${pluginId}`],
  installPluginById: ({ pluginId }) => ["delete", `/${pluginId}`],
};

interface Row {
  readonly action: string;
  readonly sequence: number;
  readonly subject: string;
  readonly before: string | null;
  readonly after: string | null;
  readonly trace_id: string | null;
  readonly resource_id: string;
}

async function rows(tenantId: string): Promise<Row[]> {
  const { results } = await env.DB.prepare("SELECT * FROM audit_log WHERE tenant_id = ? ORDER BY sequence")
    .bind(tenantId)
    .all<Row>();
  return results;
}

async function send(route: Route, resources: Resources, token: string): Promise<ApiAnswer> {
  const example = exampleOf(route, resources);
  return api(route.method, pathsOf(route, example)[0] ?? "", requestFor(example, token));
}

test("operations without a row are operations", () => {
  const ids = new Set(routes.map((route) => route.operationId));
  expect(Object.keys(WITHOUT_ROW).filter((id) => !ids.has(id))).toEqual([]);
});

describe.each(mutating)("$id", ({ route }) => {
  test("leaves a row that says who did what in which request", async () => {
    const resources = await seedResources(`log-${route.operationId.toLowerCase()}`);
    const isPlatforms = route.permission === "platform:admin";
    const tenant = isPlatforms ? PLATFORM_TENANT : resources.tenantId;
    const token = await mintToken({ tenant, subject: "ada", roles: ["admin"] });
    const first = BEFORE[route.operationId]?.(resources);
    if (first) {
      const [method, path, body] = first;
      const request = { token, headers: { "if-match": "*" }, ...(body === undefined ? {} : { body }) };
      const answer = await api(method, `/api/plugins${path}`, request);
      expect(answer.status).toBe(200);
    }
    // The example of a member's roles is what the seeded member has.
    if (route.operationId === "putMember") {
      await env.DB.prepare("DELETE FROM members WHERE tenant_id = ?").bind(resources.tenantId).run();
    }
    const before = (await rows(tenant)).length;
    const answer = await send(route, resources, token);
    expect(answer.status).toBeLessThan(300);
    const written = (await rows(tenant)).slice(before);
    expect(written.map(({ subject, trace_id }) => [subject, trace_id])).toEqual([
      ["ada", answer.headers.get("x-trace-id")],
    ]);
    expect(written[0]?.before ?? written[0]?.after).not.toBeNull();
  });

  test("leaves none where it is refused", async () => {
    const resources = await seedResources(`not-${route.operationId.toLowerCase()}`);
    const token = await mintToken({ tenant: resources.tenantId, subject: "eve", roles: ["caller"] });
    expectProblem(await send(route, resources, token), "PERMISSION_DENIED");
    expect(await rows(resources.tenantId)).toEqual([]);
  });
});

describe("a row", () => {
  test("holds the state before and after", async () => {
    const actor = await seedInstall();
    await updateInstall(makeDeps(), actor, "acme.echo", { config: { apiUrl: "hidden-value" }, limits: { fuel: 10 } });
    const last = (await rows(actor.tenantId)).at(-1);
    expect(last).toMatchObject({ action: "install.update", resource_id: "acme.echo", subject: "olga" });
    expect(JSON.parse(last?.before ?? "")).toEqual({
      version: "1.0.0",
      limits: {},
      reuse: "fresh",
      persistVariables: false,
      validate: "off",
      hooks: {},
      fallback: null,
      configRevision: 0,
    });
    expect(JSON.parse(last?.after ?? "")).toEqual({
      version: "1.0.0",
      limits: { fuel: 10 },
      reuse: "fresh",
      persistVariables: false,
      validate: "off",
      hooks: {},
      fallback: null,
      configRevision: 1,
      changed: ["config", "limits"],
      configChanged: ["/apiUrl"],
    });
    expect(JSON.stringify(last)).not.toContain("hidden-value");
  });

  test("holds of a key neither text nor hash", async () => {
    const actor = await seedTenant();
    const { key, id } = await createKey(makeDepsWithRandom(), actor, { name: "ci", roles: ["caller"] });
    await revokeApiKey(makeDepsWithRandom(), actor, id);
    await revokeApiKey(makeDepsWithRandom(), actor, id); // changes nothing
    const written = await rows(actor.tenantId);
    expect(written.map(({ action }) => action)).toEqual(["key.create", "key.revoke"]);
    expect(JSON.parse(written[1]?.before ?? "")).toEqual({ name: "ci", roles: ["caller"], expiresAt: null });
    const hash = await env.DB.prepare("SELECT secret_hash AS hash FROM api_keys WHERE id = ?")
      .bind(id)
      .first<{ hash: string }>();
    for (const secret of [key, key.split("_").at(-1), hash?.hash]) {
      expect(JSON.stringify(written)).not.toContain(secret);
    }
  });

  test("holds the roles that a member had, also when two admins change them at once", async () => {
    const actor = await seedTenant();
    await setMember(makeDeps(), actor, "bob", ["viewer"]);
    await setMember(makeDeps(), actor, "bob", ["viewer"]); // changes nothing
    await Promise.all([
      setMember(makeDeps(), actor, "bob", ["operator"]),
      setMember(makeDeps(), actor, "bob", ["admin"]),
    ]);
    await removeMember(makeDeps(), actor, "bob");
    const written = await rows(actor.tenantId);
    expect(written.map(({ action }) => action)).toEqual(["member.set", "member.set", "member.set", "member.remove"]);
    expect(written.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4]);
    // Each row begins where the one before ended.
    const [created, ...later] = written;
    expect(created?.before).toBeNull();
    expect(later.map(({ before }) => before)).toEqual(written.slice(0, -1).map(({ after }) => after));
  });

  test("of a tenant is in its own log and in the platform's", async () => {
    const platform = { tenantId: PLATFORM_TENANT, subject: "pat", roles: ["admin"] } as const;
    const before = (await rows(PLATFORM_TENANT)).length;
    await createTenant(makeDeps(), platform, { id: "fresh", name: "Fresh", plan: "free" });
    expect((await refusal(createTenant(makeDeps(), platform, { id: "fresh", name: "F", plan: "pro" }))).code).toBe(
      "ALREADY_EXISTS",
    );
    await updateTenantFields(makeDeps(), platform, "fresh", { plan: "pro" });
    const actions = ["tenant.create", "tenant.update"];
    expect((await rows("fresh")).map(({ action }) => action)).toEqual(actions);
    expect((await rows(PLATFORM_TENANT)).slice(before).map(({ action }) => action)).toEqual(actions);
  });

  test("of an install that was there already is not written", async () => {
    const actor = await seedInstall();
    const before = (await rows(actor.tenantId)).length;
    await installPlugin(makeDeps(), actor, { pluginId: "acme.echo", activate: true });
    expect(await rows(actor.tenantId)).toHaveLength(before);
  });
});

function makeDepsWithRandom() {
  return { ...makeDeps(), randomBytes: (length: number) => crypto.getRandomValues(new Uint8Array(length)) };
}

test("a row cannot be changed", async () => {
  const actor = await seedInstall();
  const before = await rows(actor.tenantId);
  const change = env.DB.prepare("UPDATE audit_log SET subject = 'eve' WHERE tenant_id = ?").bind(actor.tenantId).run();
  await expect(change).rejects.toThrow("the audit log is append-only");
  expect(await rows(actor.tenantId)).toEqual(before);
});

test("numbers have neither gaps nor repetitions under twenty writers at once", async () => {
  const actor = await seedTenant();
  const other = await seedTenant();
  await Promise.all(
    Array.from({ length: 20 }, async (_, index) => {
      const change = { action: "member.set", resourceId: `m${index}` } as const;
      const deps = makeDeps();
      const write = [actor, other, actor].map((who) => auditRow(who, change, deps.newId(), 1));
      await db.batch([recordAudit(db, write)]);
    }),
  );
  const numbers = async (tenantId: string) => (await rows(tenantId)).map(({ sequence }) => sequence);
  expect(await numbers(actor.tenantId)).toEqual(Array.from({ length: 40 }, (_, index) => index + 1));
  expect(await numbers(other.tenantId)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
});

describe("GET /audit-logs", () => {
  const list = async (token: string, query = "") => api("get", `/api/plugins/audit-logs${query}`, { token });
  const actions = (answer: ApiAnswer) =>
    (answer.body as { items: { action: string }[] }).items.map(({ action }) => action); // the shape under test

  test("shows one's own rows to viewers, newest first, by filters and in pages", async () => {
    const actor = await seedInstall();
    const stranger = await seedInstall();
    const admin = { ...actor, subject: "ada" };
    await setMember(makeDeps(), admin, "bob", ["viewer"]);
    await removeMember(makeDeps(), admin, "bob");
    const token = await mintToken({ tenant: actor.tenantId, roles: ["viewer"] });

    expect(actions(await list(token))).toEqual(["member.remove", "member.set", "install.create"]);
    expect(actions(await list(token, "?action=member.set"))).toEqual(["member.set"]);
    expect(actions(await list(token, "?resource=install&resourceId=acme.echo"))).toEqual(["install.create"]);
    expect(actions(await list(token, "?subject=ada"))).toEqual(["member.remove", "member.set"]);
    expect(actions(await list(token, "?to=1"))).toEqual([]);
    expect(actions(await list(token, "?from=1"))).toHaveLength(3);

    const first = await list(token, "?limit=2");
    const { nextCursor } = first.body as { nextCursor: string };
    expect(actions(first)).toEqual(["member.remove", "member.set"]);
    const second = await list(token, `?limit=2&cursor=${nextCursor}`);
    expect(actions(second)).toEqual(["install.create"]);
    expect(second.body).toMatchObject({
      nextCursor: null,
      items: [
        { sequence: 1, title: "installed a plugin", resource: "install", after: { state: "active" }, before: null },
      ],
    });
    expect(await rows(stranger.tenantId)).toHaveLength(1);
  });

  test.each([
    ["action", "?action=everything"],
    ["resource", "?resource=moon"],
    ["from", "?from=yesterday"],
    ["cursor", "?cursor=AAAA"],
  ])("a wrong %s is named", async (field, query) => {
    const actor = await seedInstall();
    const token = await mintToken({ tenant: actor.tenantId, roles: ["viewer"] });
    const problem = expectProblem(await list(token, query), "REQUEST_INVALID");
    expect(problem["errors"] ?? problem["issues"]).toMatchObject([{ path: field }]);
  });
});
