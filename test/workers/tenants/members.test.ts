import { env } from "cloudflare:workers";
import { eq } from "drizzle-orm";
import { beforeAll, describe, expect, test } from "vitest";
import { bumpRevision } from "../../../worker/control/compile.ts";
import { openDatabase } from "../../../worker/db/client.ts";
import { members } from "../../../worker/db/schema.ts";
import { snapshotKey, type Snapshot } from "../../../worker/execution/snapshot.ts";
import { api, expectProblem } from "../../support/workers/api.ts";
import { mintToken } from "../../support/workers/tokens.ts";

const MEMBERS = "/api/v1/admin/members";
let token: string;

async function createTenant(id: string): Promise<string> {
  const platform = await mintToken({ tenant: "patchbay", roles: ["admin"] });
  await api("post", "/api/v1/admin/tenants", { token: platform, body: { id, name: id } });
  return mintToken({ tenant: id, roles: ["admin"] });
}

async function snapshotOf(tenantId: string): Promise<Snapshot | undefined> {
  return (await env.STORE.get(snapshotKey(tenantId)))?.json<Snapshot>();
}

beforeAll(async () => {
  token = await createTenant("acme");
});

describe("a member", () => {
  test("is added, and its token without roles has these roles from then on", async () => {
    const bearer = await mintToken({ subject: "maria" });
    expectProblem(await api("get", "/api/plugins", { token: bearer }), "PERMISSION_DENIED");
    const answer = await api("put", `${MEMBERS}/maria`, { token, body: { roles: ["viewer"] } });
    expect(answer).toMatchObject({ status: 200, body: { subject: "maria", roles: ["viewer"] } });
    expect((await api("get", "/api/plugins", { token: bearer })).status).toBe(200);
    expect((await snapshotOf("acme"))?.members["maria"]).toEqual(["viewer"]);
  });

  test("keeps its first date when its roles change", async () => {
    const first = await api("put", `${MEMBERS}/olaf`, { token, body: { roles: ["viewer"] } });
    const second = await api("put", `${MEMBERS}/olaf`, { token, body: { roles: ["operator", "caller"] } });
    expect(second.body).toEqual({ ...(first.body as object), roles: ["operator", "caller"] });
  });

  test("is removed, and execution forgets it", async () => {
    await api("put", `${MEMBERS}/gone`, { token, body: { roles: ["viewer"] } });
    const answer = await api("delete", `${MEMBERS}/gone`, { token });
    expect(answer).toMatchObject({ status: 204, body: "" });
    expect((await snapshotOf("acme"))?.members["gone"]).toBeUndefined();
    expectProblem(
      await api("delete", `${MEMBERS}/gone`, { token }),
      "MEMBER_NOT_FOUND",
      'The tenant has no member "gone".',
    );
  });

  test.each(["user@example.com", "auth0|abc/def", "日本 太郎", "a%b", "..%2f", "constructor", "__proto__"])(
    "may be called %o",
    async (subject) => {
      const path = `${MEMBERS}/${encodeURIComponent(subject)}`;
      expect((await api("put", path, { token, body: { roles: ["caller"] } })).body).toMatchObject({ subject });
      expect(Object.hasOwn((await snapshotOf("acme"))?.members ?? {}, subject)).toBe(true);
      expect((await api("delete", path, { token })).status).toBe(204);
    },
  );

  test.each([
    [{ roles: [] }, "/roles", "must name at least one role"],
    [{ roles: ["viewer", "viewer"] }, "/roles", "must name each role once"],
    [{ roles: ["root"] }, "/roles/0", expect.stringContaining("Expected")],
    [{}, "/roles", expect.stringContaining("Expected")],
  ])("%o is refused", async (body, path, message) => {
    const problem = expectProblem(await api("put", `${MEMBERS}/x`, { token, body }), "REQUEST_INVALID");
    expect(problem["issues"]).toEqual([{ path, message }]);
  });

  test("with control characters in its name is refused", async () => {
    const answer = await api("put", `${MEMBERS}/a%00b`, { token, body: { roles: ["viewer"] } });
    expect(expectProblem(answer, "REQUEST_INVALID")["issues"]).toEqual([
      { path: "subject", message: "must not contain control characters" },
    ]);
  });
});

describe("members of another tenant", () => {
  test("are neither listed nor changed", async () => {
    const other = await createTenant("globex");
    await api("put", `${MEMBERS}/shared`, { token, body: { roles: ["viewer"] } });
    expect((await api("get", MEMBERS, { token: other })).body).toEqual({ items: [], nextCursor: null });
    expectProblem(await api("delete", `${MEMBERS}/shared`, { token: other }), "MEMBER_NOT_FOUND");
    await api("put", `${MEMBERS}/shared`, { token: other, body: { roles: ["admin"] } });
    expect((await snapshotOf("acme"))?.members["shared"]).toEqual(["viewer"]);
  });
});

describe("the number of members", () => {
  test("is bound, also when requests race; known ones can still change", async () => {
    const full = await createTenant("crowded");
    const db = openDatabase(env.DB);
    const rows = Array.from({ length: 999 }, (_, index) => ({
      tenantId: "crowded",
      subject: `m${index}`,
      createdAt: 1,
    }));
    const insert = env.DB.prepare(
      "INSERT INTO members SELECT value->>'tenantId', value->>'subject', '[\"viewer\"]', 1 FROM json_each(?)",
    ).bind(JSON.stringify(rows));
    await env.DB.batch([insert]);
    await db.batch([bumpRevision(db, "crowded")]);
    const put = (name: string) => api("put", `${MEMBERS}/${name}`, { token: full, body: { roles: ["caller"] } });
    const answers = await Promise.all(["new-1", "new-2", "new-3"].map(put));
    expect(answers.map((answer) => answer.status).sort((a, b) => a - b)).toEqual([200, 403, 403]);
    expect(await db.$count(members, eq(members.tenantId, "crowded"))).toBe(1_000);
    const problem = expectProblem(
      await put("new-4"),
      "QUOTA_EXCEEDED",
      "The tenant has 1000 members; more are not allowed.",
    );
    expect(problem["limit"]).toEqual({ name: "members", used: 1_000, allowed: 1_000 });
    expect((await put("m5")).body).toMatchObject({ roles: ["caller"] });
  });

  test("is listed by page, by subject", async () => {
    const small = await createTenant("small");
    for (const name of ["c", "a", "b"])
      await api("put", `${MEMBERS}/${name}`, { token: small, body: { roles: ["caller"] } });
    const first = (await api("get", `${MEMBERS}?limit=2`, { token: small })).body as {
      items: { subject: string }[];
      nextCursor: string;
    }; // the form under test
    const second = await api("get", `${MEMBERS}?limit=2&cursor=${first.nextCursor}`, { token: small });
    expect(first.items.map((item) => item.subject)).toEqual(["a", "b"]);
    expect(second.body).toMatchObject({ items: [{ subject: "c" }], nextCursor: null });
  });
});
