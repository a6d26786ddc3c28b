import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import { snapshotKey, type Snapshot } from "../../../worker/execution/snapshot.ts";
import { api, expectProblem, problemIn, type ApiRequest } from "../../support/workers/api.ts";
import { mintToken } from "../../support/workers/tokens.ts";

const TENANTS = "/api/v1/admin/tenants";
let token: string;

beforeAll(async () => {
  token = await mintToken({ tenant: "patchbay", roles: ["admin"] });
});

function platform(method: string, path: string, body?: unknown) {
  const request: ApiRequest = body === undefined ? { token } : { token, body };
  return api(method, path, request);
}

async function snapshotOf(tenantId: string): Promise<Snapshot | undefined> {
  return (await env.STORE.get(snapshotKey(tenantId)))?.json<Snapshot>();
}

describe("creating a tenant", () => {
  test("stores it and compiles its snapshot, so that its tokens are accepted at once", async () => {
    const admin = await mintToken({ tenant: "born-now", roles: ["admin"] });
    expectProblem(await api("get", "/api/v1/admin/members", { token: admin }), "TENANT_UNKNOWN");

    const answer = await platform("post", TENANTS, { id: "born-later", name: " Born later ", plan: "pro" });
    expect(answer).toMatchObject({ status: 201, body: { id: "born-later", name: "Born later", status: "active" } });
    expect(await snapshotOf("born-later")).toMatchObject({ tenantId: "born-later", status: "active", revision: 1 });
    const ofNew = await mintToken({ tenant: "born-later", roles: ["admin"] });
    expect((await api("get", "/api/v1/admin/members", { token: ofNew })).status).toBe(200);
  });

  test("takes the free plan where none is named", async () => {
    expect((await platform("post", TENANTS, { id: "plain", name: "Plain" })).body).toEqual({
      id: "plain",
      name: "Plain",
      plan: "free",
      status: "active",
      createdAt: expect.any(Number),
    });
  });

  test("twice under one id makes one", async () => {
    const answers = await Promise.all([1, 2, 3].map(() => platform("post", TENANTS, { id: "twin", name: "Twin" })));
    expect(answers.map((answer) => answer.status).sort((a, b) => a - b)).toEqual([201, 409, 409]);
    expectProblem(
      await platform("post", TENANTS, { id: "twin", name: "Other" }),
      "ALREADY_EXISTS",
      'A tenant "twin" exists already.',
    );
    expect((await platform("get", `${TENANTS}/twin`)).body).toMatchObject({ name: "Twin" });
  });

  test.each([
    [{ id: "A", name: "x" }, "/id"],
    [{ id: "-ab", name: "x" }, "/id"],
    [{ id: "a_b", name: "x" }, "/id"],
    [{ id: "a".repeat(40), name: "x" }, "/id"],
    [{ id: "abc", name: "  " }, "/name"],
    [{ id: "abc", name: "x".repeat(101) }, "/name"],
    [{ id: "abc", name: "x", plan: "gold" }, "/plan"],
    [{ id: "abc", name: "x", status: "active" }, "/status"],
    [{ name: "x" }, "/id"],
  ])("%o is refused at %s", async (body, path) => {
    const problem = expectProblem(await platform("post", TENANTS, body), "REQUEST_INVALID");
    expect(problem["issues"]).toEqual([{ path, message: expect.any(String) }]);
  });
});

describe("changing a tenant", () => {
  test("renames it and changes its plan; what is left out stays", async () => {
    await platform("post", TENANTS, { id: "mutable", name: "Before" });
    const change = await platform("patch", `${TENANTS}/mutable`, { name: "After" });
    expect(change).toMatchObject({ status: 200, body: { name: "After", plan: "free", status: "active" } });
    expect((await platform("patch", `${TENANTS}/mutable`, { plan: "pro" })).body).toMatchObject({
      name: "After",
      plan: "pro",
    });
    expect(await snapshotOf("mutable")).toMatchObject({ revision: 3 });
  });

  test("suspends it: tokens are refused, until it is resumed", async () => {
    await platform("post", TENANTS, { id: "sleeper", name: "Sleeper" });
    const admin = await mintToken({ tenant: "sleeper", roles: ["admin"] });
    expect((await api("get", "/api/v1/admin/keys", { token: admin })).status).toBe(200);
    await platform("patch", `${TENANTS}/sleeper`, { status: "suspended" });
    expect((await snapshotOf("sleeper"))?.status).toBe("suspended");
    expectProblem(
      await api("get", "/api/v1/admin/keys", { token: admin }),
      "TENANT_UNKNOWN",
      'The tenant "sleeper" does not exist or is suspended.',
    );
    await platform("patch", `${TENANTS}/sleeper`, { status: "active" });
    expect((await api("get", "/api/v1/admin/keys", { token: admin })).status).toBe(200);
  });

  test("never suspends the platform tenant", async () => {
    expectProblem(
      await platform("patch", `${TENANTS}/patchbay`, { status: "suspended" }),
      "STATE_CONFLICT",
      'The platform tenant "patchbay" cannot be suspended.',
    );
    expect((await platform("get", `${TENANTS}/patchbay`)).body).toMatchObject({ status: "active", plan: "pro" });
  });

  test("needs something to change", async () => {
    expect(problemIn(await platform("patch", `${TENANTS}/patchbay`, {}))).toMatchObject({
      code: "REQUEST_INVALID",
      detail: "The body: must name at least one of name, plan, status.",
    });
  });
});

describe("reading tenants", () => {
  test("one that does not exist", async () => {
    const expected = { code: "TENANT_NOT_FOUND", status: 404, detail: 'There is no tenant "nobody".' };
    expect(problemIn(await platform("get", `${TENANTS}/nobody`))).toMatchObject(expected);
    expect(problemIn(await platform("patch", `${TENANTS}/nobody`, { name: "x" }))).toMatchObject(expected);
  });

  test("by page, each once, by id", async () => {
    for (const id of ["page-c", "page-a", "page-b"]) await platform("post", TENANTS, { id, name: id });
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const query: string = cursor === null ? "" : `&cursor=${cursor}`;
      const { status, body } = await platform("get", `${TENANTS}?limit=2${query}`);
      expect(status).toBe(200);
      const page = body as { items: { id: string }[]; nextCursor: string | null }; // the form under test
      expect(page.items.length).toBeLessThanOrEqual(2);
      seen.push(...page.items.map((item) => item.id));
      cursor = page.nextCursor;
    } while (cursor !== null);
    expect(seen).toEqual([...new Set(seen)].sort());
    expect(seen).toEqual(expect.arrayContaining(["page-a", "page-b", "page-c", "patchbay"]));
  });
});

describe("who may", () => {
  test.each([
    ["an admin of another tenant", { tenant: "twin", roles: ["admin"] }],
    ["an operator of the platform tenant", { tenant: "patchbay", roles: ["operator"] }],
  ])("not %s", async (_name, options) => {
    const answer = await api("get", TENANTS, { token: await mintToken(options) });
    expect(expectProblem(answer, "PERMISSION_DENIED", 'The permission "platform:admin" is required.')).toMatchObject({
      permission: "platform:admin",
    });
  });
});
