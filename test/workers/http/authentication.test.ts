import { createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { base64url, importJWK, SignJWT, UnsecuredJWT } from "jose";
import { beforeAll, describe, expect, test } from "vitest";
import { createDeps, createResident, type Deps } from "../../../worker/deps.ts";
import { snapshotKey, SNAPSHOT_FORMAT, type Snapshot } from "../../../worker/execution/snapshot.ts";
import { authenticate } from "../../../worker/http/authentication/authenticate.ts";
import { sha256Hex } from "../../../worker/lib/hex.ts";
import { SECOND_AUDIENCE, SECOND_ISSUER } from "../../support/workers/test-issuers.ts";
import { counted } from "../../support/workers/probe.ts";
import { mintToken, signingKeys, usualClaims, type TokenOptions } from "../../support/workers/tokens.ts";

const KEY_ID = "01J00000000000000000000000";
const EXPIRED_ID = "01J00000000000000000000001";
const SECRET = "5e".repeat(32);
const KEY = `pbk_acme_${KEY_ID}_${SECRET}`;
const ACTIVE_AND_SUSPENDED = ["active", "suspended"] as const;

function snapshotOf(tenantId: string, status: Snapshot["status"], secretHash: string): Snapshot {
  return {
    format: SNAPSHOT_FORMAT,
    tenantId,
    status,
    revision: 1,
    compiledAt: 0,
    installs: {},
    keys: {
      [KEY_ID]: { secretHash, roles: ["caller"], expiresAt: null },
      [EXPIRED_ID]: { secretHash, roles: ["caller"], expiresAt: Date.now() - 1 },
    },
    members: { maria: ["viewer", "caller"] },
  };
}

beforeAll(async () => {
  const hash = await sha256Hex(SECRET);
  for (const status of ACTIVE_AND_SUSPENDED) {
    const tenantId = status === "active" ? "acme" : "sleepy";
    await env.STORE.put(snapshotKey(tenantId), JSON.stringify(snapshotOf(tenantId, status, hash)));
  }
});

function deps(): Deps {
  return createDeps(env, createExecutionContext());
}

function bearer(token: string): Headers {
  return new Headers({ authorization: `Bearer ${token}` });
}

async function authenticateToken(options: TokenOptions) {
  return authenticate(deps(), bearer(await mintToken(options)));
}

describe("tokens", () => {
  test.each(["EdDSA", "ES256", "RS256"] as const)("signed with %s", async (key) => {
    expect(await authenticateToken({ key, roles: ["viewer"] })).toEqual({
      tenantId: "acme",
      subject: "user-1",
      roles: ["viewer"],
    });
  });

  test.each<[string, TokenOptions, readonly string[]]>([
    ["roles", { roles: ["viewer", "caller"] }, ["viewer", "caller"]],
    ["one role", { claims: { role: "operator" } }, ["operator"]],
    ["unknown roles are left out", { roles: ["root", "viewer", "constructor"] }, ["viewer"]],
    ["only unknown roles", { roles: ["root"], subject: "maria" }, []],
    ["an empty list", { roles: [], subject: "maria" }, []],
    ["no roles: those of the member", { subject: "maria" }, ["viewer", "caller"]],
    ["no roles and no member", { subject: "nobody" }, []],
    ["no roles and a name every object has", { subject: "constructor" }, []],
  ])("%s", async (_name, options, roles) => {
    expect((await authenticateToken(options)).roles).toEqual(roles);
  });

  test.each<[string, TokenOptions]>([
    ["another trusted issuer", { key: "second", claims: { iss: SECOND_ISSUER, aud: SECOND_AUDIENCE } }],
    ["several audiences", { claims: { aud: ["elsewhere", "patchbay-test"] } }],
    ["type at+jwt (RFC 9068)", { header: { typ: "application/at+JWT" } }],
    ["no type", { header: { typ: undefined } }],
    ["within the clock tolerance", { claims: { exp: Math.floor(Date.now() / 1000) - 2 } }],
    ["the platform tenant, before it has a snapshot", { tenant: "patchbay" }],
  ])("%s is accepted", async (_name, options) => {
    expect((await authenticateToken({ roles: ["viewer"], ...options })).roles).toEqual(["viewer"]);
  });

  const past = Math.floor(Date.now() / 1000) - 60;
  test.each<[string, TokenOptions, string]>([
    ["expired", { claims: { exp: past } }, "The token has expired."],
    ["not valid yet", { claims: { nbf: past + 3_600 } }, 'The token\'s claim "nbf" is not accepted.'],
    ["wrong audience", { claims: { aud: "elsewhere" } }, 'The token\'s claim "aud" is not accepted.'],
    ["no audience", { claims: { aud: undefined } }, 'The token\'s claim "aud" is not accepted.'],
    ["another issuer's audience", { claims: { aud: SECOND_AUDIENCE } }, 'The token\'s claim "aud" is not accepted.'],
    ["unknown issuer", { claims: { iss: "https://evil.test" } }, "The token's issuer is not trusted here."],
    ["no issuer", { claims: { iss: undefined } }, "The token's issuer is not trusted here."],
    ["an issuer every object has", { claims: { iss: "__proto__" } }, "The token's issuer is not trusted here."],
    ["another issuer's key", { key: "second" }, "No trusted key verifies the token."],
    ["unknown key", { header: { kid: "other" } }, "No trusted key verifies the token."],
    ["no expiry", { claims: { exp: undefined } }, 'The token\'s claim "exp" is not accepted.'],
    ["no subject", { claims: { sub: undefined } }, 'The token\'s claim "sub" is not accepted.'],
    ["empty subject", { claims: { sub: "" } }, 'The token\'s claim "sub" is not valid.'],
    ["no tenant", { claims: { tenant: undefined } }, 'The token\'s claim "tenant" is not accepted.'],
    ["a tenant that is none", { tenant: "../other" }, 'The token\'s claim "tenant" is not valid.'],
    ["roles that are no list", { claims: { roles: "admin" } }, 'The token\'s claim "roles" is not valid.'],
    ["roles that are no names", { claims: { roles: [1] } }, 'The token\'s claim "roles.0" is not valid.'],
    ["a role that is no name", { claims: { role: ["admin"] } }, 'The token\'s claim "role" is not valid.'],
    ["a token for something else", { header: { typ: "logout+jwt" } }, "The token's type is neither JWT nor at+jwt."],
  ])("%s is refused", async (_name, options, message) => {
    await expect(authenticateToken({ roles: ["viewer"], ...options })).rejects.toMatchObject({
      code: "TOKEN_INVALID",
      message,
    });
  });

  test.each(["unknown-tenant", "sleepy"])("of tenant %s are refused", async (tenant) => {
    await expect(authenticateToken({ tenant, roles: ["admin"] })).rejects.toMatchObject({
      code: "TENANT_UNKNOWN",
      message: `The tenant "${tenant}" does not exist or is suspended.`,
    });
  });

  test.each<[string, () => Promise<string>, string]>([
    [
      "alg none",
      async () => new UnsecuredJWT(usualClaims({ roles: ["admin"] })).encode(),
      "The token cannot be verified.",
    ],
    [
      "HS256 with the public key as secret",
      async () => {
        const { d: _private, ...publicKey } = signingKeys().RS256;
        const secret = new TextEncoder().encode(JSON.stringify(publicKey));
        return new SignJWT(usualClaims({ roles: ["admin"] }))
          .setProtectedHeader({ alg: "HS256", kid: "key-rs256" })
          .sign(secret);
      },
      "The token cannot be verified.",
    ],
    [
      "an algorithm its issuer may not use",
      async () => {
        const claims = { ...usualClaims({ roles: ["admin"] }), iss: SECOND_ISSUER, aud: SECOND_AUDIENCE };
        return new SignJWT(claims)
          .setProtectedHeader({ alg: "EdDSA", kid: "key-eddsa" })
          .sign(await importJWK(signingKeys().EdDSA, "EdDSA"));
      },
      "The token cannot be verified.",
    ],
    [
      "claims changed after signing",
      async () => {
        const [header, , signature] = (await mintToken({ roles: ["viewer"] })).split(".");
        return [header, base64url.encode(JSON.stringify(usualClaims({ roles: ["admin"] }))), signature].join(".");
      },
      "The token's signature is wrong.",
    ],
    [
      "an unknown critical header",
      async () => {
        const [, payload, signature] = (await mintToken({ roles: ["viewer"] })).split(".");
        const header = { alg: "EdDSA", kid: "key-eddsa", crit: ["exp2"], exp2: 1 };
        return [base64url.encode(JSON.stringify(header)), payload, signature].join(".");
      },
      "The token cannot be verified.",
    ],
    ["no token at all", async () => "abc", "The token is not a JSON Web Token."],
    ["three empty parts", async () => "a.b.c", "The token is not a JSON Web Token."],
    ["a token too long to be one", async () => "a".repeat(8_193), "The token has 8193 characters; 8192 are allowed."],
  ])("%s is refused", async (_name, make, message) => {
    await expect(authenticate(deps(), bearer(await make()))).rejects.toMatchObject({ code: "TOKEN_INVALID", message });
  });
});

describe("API keys", () => {
  const actor = { tenantId: "acme", subject: `key:${KEY_ID}`, roles: ["caller"] };

  test.each([
    ["as bearer", { authorization: `Bearer ${KEY}` }],
    ["as x-api-key", { "x-api-key": KEY }],
    ["with a lower-case scheme", { authorization: `bearer ${KEY}` }],
  ])("%s", async (_name, headers) => {
    expect(await authenticate(deps(), new Headers(headers))).toEqual(actor);
  });

  test.each([
    ["wrong secret", `pbk_acme_${KEY_ID}_${"0".repeat(64)}`],
    ["unknown key", `pbk_acme_01J00000000000000000000009_${SECRET}`],
    ["unknown tenant", `pbk_nobody_${KEY_ID}_${SECRET}`],
    ["another tenant's key", `pbk_patchbay_${KEY_ID}_${SECRET}`],
    ["expired key", `pbk_acme_${EXPIRED_ID}_${SECRET}`],
    ["short secret", `pbk_acme_${KEY_ID}_${SECRET.slice(1)}`],
    ["no secret", `pbk_acme_${KEY_ID}_`],
    ["a key id every object has", `pbk_acme_constructor_${SECRET}`],
  ])("%s is refused with the same answer", async (_name, key) => {
    await expect(authenticate(deps(), bearer(key))).rejects.toMatchObject({
      code: "TOKEN_INVALID",
      message: "The API key is not valid.",
    });
  });

  test("of a suspended tenant are refused", async () => {
    await expect(authenticate(deps(), bearer(`pbk_sleepy_${KEY_ID}_${SECRET}`))).rejects.toMatchObject({
      code: "TENANT_UNKNOWN",
    });
  });

  test("end when their time has come, also while the snapshot lists them", async () => {
    const later = { ...deps(), clock: { now: () => Date.now() } };
    await expect(authenticate(later, bearer(`pbk_acme_${EXPIRED_ID}_${SECRET}`))).rejects.toMatchObject({
      code: "TOKEN_INVALID",
    });
    const earlier = { ...deps(), clock: { now: () => Date.now() - 60_000 } };
    expect((await authenticate(earlier, bearer(`pbk_acme_${EXPIRED_ID}_${SECRET}`))).subject).toBe(`key:${EXPIRED_ID}`);
  });
});

describe("credentials", () => {
  test.each([
    ["none", {}, "AUTHENTICATION_REQUIRED", "Send `Authorization: Bearer` with a token or an API key."],
    [
      "basic",
      { authorization: "Basic YTpi" },
      "AUTHENTICATION_REQUIRED",
      "The `Authorization` header is not of the form `Bearer <token>`.",
    ],
    [
      "a bearer of nothing",
      { authorization: "Bearer " },
      "AUTHENTICATION_REQUIRED",
      "The `Authorization` header is not of the form `Bearer <token>`.",
    ],
    [
      "x-api-key with something else",
      { "x-api-key": "abc" },
      "TOKEN_INVALID",
      "The `x-api-key` header holds no API key.",
    ],
    [
      "a wrong Authorization beside a good x-api-key",
      { authorization: "Basic YTpi", "x-api-key": KEY },
      "AUTHENTICATION_REQUIRED",
      "The `Authorization` header is not of the form `Bearer <token>`.",
    ],
  ])("%s", async (_name, headers, code, message) => {
    await expect(authenticate(deps(), new Headers(headers))).rejects.toMatchObject({ code, message });
  });
});

describe("the budget of a warm call", () => {
  test.each([
    ["token with roles", () => mintToken({ roles: ["caller"] })],
    ["token without roles", () => mintToken({ subject: "maria" })],
    ["API key", async () => KEY],
  ])("%s: no D1, R2 or Durable Object", async (_name, make) => {
    const [database, store, health] = [counted(env.DB), counted(env.STORE), counted(env.PLUGIN_HEALTH)];
    const bindings = { ...env, DB: database.binding, STORE: store.binding, PLUGIN_HEALTH: health.binding };
    const kept = createResident();
    const clock = { now: () => Date.now() };
    const headers = bearer(await make());
    const call = () => authenticate(createDeps(bindings, createExecutionContext(), clock, kept), headers);
    await call();
    expect(store.uses()).toEqual(["get"]);
    for (let count = 0; count < 5; count++) expect((await call()).tenantId).toBe("acme");
    expect([...database.uses(), ...store.uses(), ...health.uses()]).toEqual(["get"]);
  });
});
