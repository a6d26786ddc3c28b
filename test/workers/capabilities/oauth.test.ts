import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { storageOf } from "../../../durable-objects/plugin-storage/client.ts";
import { putClient, removeClient } from "../../../worker/control/oauth/actions.ts";
import { createDeps, createResident } from "../../../worker/deps.ts";
import type { Actor } from "../../../worker/lib/actor.ts";
import { api, expectProblem } from "../../support/workers/api.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { ask, type AskOptions } from "../../support/guests/platform-guest.ts";
import { NOW } from "../../support/guests/sandbox-call.ts";
import { installIdOf, refusal, seedInstall } from "../control/fixtures.ts";

const GRANTS = { oauth: {} };
const deps = createDeps(env, { waitUntil: () => undefined }, undefined, createResident());
let endpoints = 0;

interface Seeded {
  readonly actor: Actor;
  readonly mine: AskOptions & { readonly context: { readonly tenantId: string; readonly installId: string } };
  /** Registers a client whose endpoint nobody else uses. */
  readonly register: (change?: object, query?: string) => Promise<unknown>;
}

async function seeded(): Promise<Seeded> {
  const actor = await seedInstall();
  const installId = await installIdOf(actor);
  const at = `endpoint-${++endpoints}`;
  const register = (change: object = {}, query = "") =>
    putClient(deps, actor, "acme.echo", "mail", {
      tokenUrl: `https://login.example.com/token?at=${at}${query}`,
      clientId: "client",
      clientSecret: "right",
      scopes: ["read", "write"],
      grant: "client_credentials",
      authentication: "basic",
      ...change,
    });
  return { actor, mine: { context: { tenantId: actor.tenantId, installId } }, register };
}

const token = (mine: AskOptions, more: object = {}) =>
  ask("oauth_token", { provider: "mail", ...more }, GRANTS, "", mine);

describe("a token", () => {
  test("is got once and given out until shortly before its end", async () => {
    const { mine, register } = await seeded();
    await register();
    const first = await token(mine);
    expect(first.value).toEqual({
      accessToken: "client-1",
      tokenType: "Bearer",
      expiresAt: NOW + 3_600_000,
      scopes: ["read", "write"],
    });
    expect(await token(mine)).toEqual(first);
    const stub = storageOf(env.PLUGIN_STORAGE, mine.context);
    const kept = (await stub.list("tokens", "", "", 10, NOW)).entries;
    expect(kept.map(({ expiresAt }) => expiresAt)).toEqual([NOW + 3_600_000 - 60_000]);
  });

  test("is got once also by many who ask at once", async () => {
    const { mine, register } = await seeded();
    await register({ authentication: "post" });
    const answers = await Promise.all(Array.from({ length: 5 }, () => token(mine)));
    expect(answers.map(({ value }) => value?.["accessToken"])).toEqual(Array(5).fill("client-1"));
  });

  test("is another one for other scopes, and only for those the client has", async () => {
    const { mine, register } = await seeded();
    await register();
    expect((await token(mine, { scopes: ["read"] })).value).toMatchObject({
      accessToken: "client-1",
      scopes: ["read"],
    });
    expect((await token(mine, { scopes: ["write", "read"] })).value).toMatchObject({ accessToken: "client-2" });
    expect((await token(mine, { scopes: ["admin"] })).error).toMatchObject({
      code: "GRANT_MISSING",
      message: expect.stringContaining("admin") as string,
    });
  });

  test("rotates refresh tokens, one at a time", async () => {
    const { mine, register } = await seeded();
    await register({ grant: "refresh_token", refreshToken: "r0" });
    const both = await Promise.all([token(mine, { scopes: ["read"] }), token(mine, { scopes: ["write"] })]);
    expect(both.map(({ value }) => String(value?.["accessToken"])).sort()).toEqual(["client-1", "client-2"]);
    expect((await token(mine)).value?.["accessToken"]).toBe("client-3");
    expect(JSON.stringify(both)).not.toContain("r1");
  });

  test("of a client that was replaced or deleted is not given out", async () => {
    const { actor, mine, register } = await seeded();
    await register();
    await token(mine);
    await register();
    expect((await token(mine)).value?.["accessToken"]).toBe("client-2");
    await removeClient(deps, actor, "acme.echo", "mail");
    expect((await token(mine)).error).toMatchObject({ code: "HOST_REQUEST_INVALID" });
    expect(await refusal(removeClient(deps, actor, "acme.echo", "mail"))).toMatchObject({
      code: "OAUTH_CLIENT_NOT_FOUND",
    });
  });

  test.each([
    [{ clientSecret: "wrong" }, "", "UPSTREAM_REFUSED", "401: invalid_client"],
    [{ grant: "refresh_token", refreshToken: "stale" }, "", "UPSTREAM_REFUSED", "400: invalid_grant"],
    [{}, "&fail=503", "UPSTREAM_UNREACHABLE", "503"],
    [{}, "&fail=200", "UPSTREAM_REFUSED", "holds no token"],
  ])("fails with %j%s as %s", async (change, query, code, message) => {
    const { mine, register } = await seeded();
    await register(change, query);
    const { error } = await token(mine);
    expect(error).toMatchObject({ code, message: expect.stringContaining(message) as string });
    expect(error?.message).not.toContain("hidden-value");
  });

  test("needs a grant and has a quota", async () => {
    const { mine, register } = await seeded();
    await register();
    expect((await ask("oauth_token", { provider: "mail" }, {}, "", mine)).error?.code).toBe("GRANT_MISSING");
    const none = { oauth: { quotas: { tokens: 0 } } };
    expect((await ask("oauth_token", { provider: "mail" }, none, "", mine)).error?.code).toBe(
      "CAPABILITY_QUOTA_EXCEEDED",
    );
  });

  test("is sealed where it is kept", async () => {
    const { mine, register } = await seeded();
    await register({ grant: "refresh_token", refreshToken: "r0" });
    await token(mine);
    const stored = await runInDurableObject(storageOf(env.PLUGIN_STORAGE, mine.context), (_object, state) => [
      ...state.storage.sql.exec<{ value: ArrayBuffer }>("SELECT value FROM entries"),
    ]);
    expect(stored).toHaveLength(2);
    for (const { value } of stored) expect(new TextDecoder().decode(value)).not.toMatch(/client-1|"r1"/);
  });
});

describe("registering", () => {
  test("answers without secrets, and only to admins", async () => {
    const { actor } = await seeded();
    const path = "/api/plugins/acme.echo/oauth";
    const body = {
      tokenUrl: "https://login.example.com/token",
      clientId: "client",
      clientSecret: "hidden-value",
      grant: "refresh_token",
      refreshToken: "hidden-value",
    };
    const admin = await mintToken({ tenant: actor.tenantId, subject: "ada", roles: ["admin"] });
    const answer = await api("put", `${path}/mail`, { token: admin, body });
    expect(answer).toMatchObject({
      status: 200,
      body: { provider: "mail", clientId: "client", authentication: "basic" },
    });
    const list = await api("get", path, { token: admin });
    expect(JSON.stringify([answer.body, list.body])).not.toContain("hidden-value");
    const { results } = await env.DB.prepare("SELECT * FROM install_secrets").all();
    const audit = await env.DB.prepare("SELECT * FROM audit_log").all();
    expect(JSON.stringify([results, audit.results])).not.toContain("hidden-value");
    const operator = await mintToken({ tenant: actor.tenantId, subject: "olga", roles: ["operator"] });
    expectProblem(await api("put", `${path}/mail`, { token: operator, body }), "PERMISSION_DENIED");
  });

  test.each([
    [{ tokenUrl: "http://login.example.com/token" }, "tokenUrl"],
    [{ tokenUrl: "https://10.0.0.1/token" }, "tokenUrl"],
    [{ grant: "refresh_token" }, "refreshToken"],
    [{ refreshToken: "r0" }, "refreshToken"],
    [{ scopes: ["a b"] }, "scopes"],
  ])("refuses %j", async (change, field) => {
    const { actor } = await seeded();
    const good = { tokenUrl: "https://a.example.com/", clientId: "c", clientSecret: "s", grant: "client_credentials" };
    const admin = await mintToken({ tenant: actor.tenantId, subject: "ada", roles: ["admin"] });
    const answer = await api("put", "/api/plugins/acme.echo/oauth/mail", {
      token: admin,
      body: { ...good, ...change },
    });
    expect(JSON.stringify(expectProblem(answer, "REQUEST_INVALID")["issues"])).toContain(field);
  });
});
