import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import { formatApiKey, keyExpiry, keyStatus, parseApiKey } from "../../../worker/control/keys/rules.ts";
import { snapshotKey, type Snapshot } from "../../../worker/execution/snapshot.ts";
import { api, expectProblem } from "../../support/workers/api.ts";
import { mintToken } from "../../support/workers/tokens.ts";

const KEYS = "/api/v1/admin/keys";
let token: string;

interface NewKey {
  readonly id: string;
  readonly key: string;
}

async function createTenant(id: string): Promise<string> {
  const platform = await mintToken({ tenant: "patchbay", roles: ["admin"] });
  await api("post", "/api/v1/admin/tenants", { token: platform, body: { id, name: id } });
  return mintToken({ tenant: id, roles: ["admin"] });
}

async function createKey(body: object, as = token): Promise<NewKey> {
  const answer = await api("post", KEYS, { token: as, body: { name: "ci", roles: ["viewer"], ...body } });
  expect(answer.status).toBe(201);
  return answer.body as NewKey; // the form under test
}

beforeAll(async () => {
  token = await createTenant("acme");
});

describe("a new key", () => {
  test("works at once, with its roles, and its secret is nowhere else", async () => {
    const { id, key } = await createKey({ roles: ["viewer"] });
    expect(key).toMatch(new RegExp(`^pbk_acme_${id}_[0-9a-f]{64}$`));
    expect((await api("get", "/api/plugins", { token: key })).status).toBe(200);
    expectProblem(await api("get", KEYS, { token: key }), "PERMISSION_DENIED");

    const secret = key.slice(-64);
    const snapshot = await env.STORE.get(snapshotKey("acme")).then((object) => object?.text());
    const rows = await env.DB.prepare("SELECT * FROM api_keys").all();
    const list = await api("get", KEYS, { token });
    for (const text of [snapshot, JSON.stringify(rows.results), JSON.stringify(list.body)]) {
      expect(text).toContain(id);
      expect(text).not.toContain(secret);
    }
    expect(JSON.stringify(list.body)).not.toContain("secretHash");
  });

  test("is described", async () => {
    const expiresAt = Date.now() + 60_000;
    const created = await createKey({ name: " deploy ", roles: ["operator", "caller"], expiresAt });
    expect(created).toEqual({
      id: expect.stringMatching(/^[0-9A-Z]{26}$/),
      name: "deploy",
      roles: ["operator", "caller"],
      status: "active",
      createdAt: expect.any(Number),
      expiresAt,
      revokedAt: null,
      key: expect.any(String),
    });
  });

  test.each([
    [{ name: "", roles: ["viewer"] }, "/name"],
    [{ name: "x", roles: [] }, "/roles"],
    [{ name: "x", roles: ["root"] }, "/roles/0"],
    [{ name: "x", roles: ["viewer"], expiresAt: 1 }, "/expiresAt"],
    [{ name: "x", roles: ["viewer"], expiresAt: "tomorrow" }, "/expiresAt"],
    [{ name: "x", roles: ["viewer"], secret: "mine" }, "/secret"],
  ])("%o is refused at %s", async (body, path) => {
    const problem = expectProblem(await api("post", KEYS, { token, body }), "REQUEST_INVALID");
    expect(problem["issues"]).toEqual([{ path, message: expect.any(String) }]);
  });

  test("beyond a hundred is refused, also when requests race; revoking one makes room", async () => {
    const full = await createTenant("crowded");
    const rows = Array.from({ length: 98 }, (_, index) => `01J000000000000000000000${String(index).padStart(2, "0")}`);
    await env.DB.prepare(
      "INSERT INTO api_keys SELECT value, 'crowded', 'k', 'h', '[\"viewer\"]', 1, NULL, NULL FROM json_each(?)",
    )
      .bind(JSON.stringify(rows))
      .run();
    const { id } = await createKey({}, full);
    const post = () => api("post", KEYS, { token: full, body: { name: "x", roles: ["viewer"] } });
    const answers = await Promise.all([post(), post(), post()]);
    expect(answers.map((answer) => answer.status).sort((a, b) => a - b)).toEqual([201, 403, 403]);
    const problem = expectProblem(
      await post(),
      "QUOTA_EXCEEDED",
      "The tenant has 100 active keys; revoke one before making another.",
    );
    expect(problem["limit"]).toEqual({ name: "keys", used: 100, allowed: 100 });
    await api("delete", `${KEYS}/${id}`, { token: full });
    expect((await post()).status).toBe(201);
  });
});

describe("a revoked key", () => {
  test("stops working, stays listed, and may be revoked again", async () => {
    const { id, key } = await createKey({});
    expect((await api("get", "/api/plugins", { token: key })).status).toBe(200);
    expect((await api("delete", `${KEYS}/${id}`, { token })).status).toBe(204);
    expectProblem(await api("get", "/api/plugins", { token: key }), "TOKEN_INVALID", "The API key is not valid.");
    const snapshot = await env.STORE.get(snapshotKey("acme")).then((object) => object?.json<Snapshot>());
    expect(Object.keys(snapshot?.keys ?? {})).not.toContain(id);
    const { items } = (await api("get", `${KEYS}?limit=100`, { token })).body as { items: { id: string }[] }; // form under test
    expect(items.find((item) => item.id === id)).toMatchObject({ status: "revoked", revokedAt: expect.any(Number) });
    expect((await api("delete", `${KEYS}/${id}`, { token })).status).toBe(204);
  });

  test("that never was", async () => {
    const id = "01J00000000000000000000000";
    const answer = await api("delete", `${KEYS}/${id}`, { token });
    expect(expectProblem(answer, "KEY_NOT_FOUND", `The tenant has no API key "${id}".`)["status"]).toBe(404);
    expectProblem(await api("delete", `${KEYS}/abc`, { token }), "REQUEST_INVALID");
  });

  test("of another tenant stays as it is", async () => {
    const { id, key } = await createKey({});
    const other = await createTenant("globex");
    expectProblem(await api("delete", `${KEYS}/${id}`, { token: other }), "KEY_NOT_FOUND");
    expect((await api("get", KEYS, { token: other })).body).toEqual({ items: [], nextCursor: null });
    expect((await api("get", "/api/plugins", { token: key })).status).toBe(200);
  });
});

describe("the list", () => {
  test("is newest first, by page", async () => {
    const small = await createTenant("small");
    const ids: string[] = [];
    for (const name of ["a", "b", "c"]) ids.push((await createKey({ name }, small)).id);
    const newestFirst = ids.sort().reverse();
    const first = (await api("get", `${KEYS}?limit=2`, { token: small })).body as {
      items: NewKey[];
      nextCursor: string;
    }; // the form under test
    const second = (await api("get", `${KEYS}?limit=2&cursor=${first.nextCursor}`, { token: small }))
      .body as typeof first;
    expect([...first.items, ...second.items].map((item) => item.id)).toEqual(newestFirst);
    expect(second.nextCursor).toBeNull();
  });
});

describe("rules", () => {
  const parts = { tenantId: "acme-2", keyId: "01J00000000000000000000000", secret: "0f".repeat(32) };

  test("a key's text comes back as its parts", () => {
    expect(parseApiKey(formatApiKey(parts))).toEqual(parts);
  });

  test.each([
    ["", undefined],
    ["pbk_acme", undefined],
    [`pbk_acme_${parts.keyId}_${parts.secret}0`, undefined],
    [`pbk_acme_${parts.keyId}_${parts.secret.toUpperCase()}`, undefined],
    [`pbk_ACME_${parts.keyId}_${parts.secret}`, undefined],
    [`pbk_acme_${parts.keyId.toLowerCase()}_${parts.secret}`, undefined],
    [`${formatApiKey(parts)}\n`, undefined],
  ])("%o is no key", (text, expected) => {
    expect(parseApiKey(text)).toBe(expected);
  });

  test("expiry lies in the future", () => {
    expect([keyExpiry(undefined, 10), keyExpiry(11, 10)]).toEqual([null, 11]);
    expect(() => keyExpiry(10, 10)).toThrow("The body's /expiresAt: must be later than now (10), found 10.");
  });

  test.each([
    [{ expiresAt: null, revokedAt: null }, "active"],
    [{ expiresAt: 11, revokedAt: null }, "active"],
    [{ expiresAt: 10, revokedAt: null }, "expired"],
    [{ expiresAt: 9, revokedAt: 5 }, "revoked"],
  ])("%o is %s at 10", (key, status) => {
    expect(keyStatus(key, 10)).toBe(status);
  });
});
