import { exportJWK, generateKeyPair, SignJWT, type FetchImplementation, type JWK } from "jose";
import { describe, expect, test } from "vitest";
import { parseIssuers, type Issuer } from "../../../worker/http/authentication/issuers.ts";
import { TokenVerifier } from "../../../worker/http/authentication/token-verifier.ts";
import { VerifiedTokens } from "../../../worker/http/authentication/verified-tokens.ts";

const ISSUER = "https://remote.test";
const [issuer] = parseIssuers(
  JSON.stringify([
    { issuer: ISSUER, audience: "patchbay", jwksUrl: "https://remote.test/keys", algorithms: ["EdDSA"] },
  ]),
) as [Issuer];

interface Signer {
  readonly jwk: JWK;
  sign(claims?: Record<string, unknown>): Promise<string>;
}

async function signer(kid: string): Promise<Signer> {
  const { publicKey, privateKey } = await generateKeyPair("EdDSA", { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), kid, alg: "EdDSA", use: "sig" };
  const sign = (claims: Record<string, unknown> = {}): Promise<string> =>
    new SignJWT({ tenant: "acme", roles: ["viewer"], ...claims })
      .setProtectedHeader({ alg: "EdDSA", kid })
      .setIssuer(ISSUER)
      .setAudience("patchbay")
      .setSubject("user-1")
      .setExpirationTime("10m")
      .sign(privateKey);
  return { jwk, sign };
}

/** A key set server whose answer the test can change; counts how often it was asked. */
function keyServer(answer: () => Response | Promise<Response>) {
  let asked = 0;
  const fetchKeys: FetchImplementation = async () => {
    asked++;
    return answer();
  };
  return { fetchKeys, asked: () => asked };
}

describe("a remote key set", () => {
  test("is fetched once for many tokens", async () => {
    const one = await signer("one");
    const server = keyServer(() => Response.json({ keys: [one.jwk] }));
    const verifier = new TokenVerifier([issuer], server.fetchKeys);
    for (const subject of ["a", "b", "c"]) {
      expect((await verifier.verify(await one.sign({ sub: subject }), Date.now())).tenantId).toBe("acme");
    }
    expect(server.asked()).toBe(1);
  });

  test("is not fetched again at once for a key id it does not have", async () => {
    const [one, two] = [await signer("one"), await signer("two")];
    const server = keyServer(() => Response.json({ keys: [one.jwk] }));
    const verifier = new TokenVerifier([issuer], server.fetchKeys);
    await verifier.verify(await one.sign(), Date.now());
    await expect(verifier.verify(await two.sign(), Date.now())).rejects.toMatchObject({
      code: "TOKEN_INVALID",
      message: "No trusted key verifies the token.",
    });
    expect(server.asked()).toBe(1);
  });

  test("with two keys serves a rotation: tokens of both are accepted, by key id", async () => {
    const [one, two] = [await signer("one"), await signer("two")];
    const server = keyServer(() => Response.json({ keys: [one.jwk, two.jwk] }));
    const verifier = new TokenVerifier([issuer], server.fetchKeys);
    for (const token of [await one.sign(), await two.sign()]) {
      expect((await verifier.verify(token, Date.now())).subject).toBe("user-1");
    }
  });

  test.each<[string, () => Response | Promise<Response>]>([
    ["cannot be reached", () => Promise.reject(new TypeError("Network connection lost."))],
    ["answers 500", () => new Response("no", { status: 500 })],
    ["redirects", () => new Response(null, { status: 302, headers: { location: "https://evil.test" } })],
    ["answers no JSON", () => new Response("<html>")],
    ["answers no key set", () => Response.json({ keys: "none" })],
  ])("that %s is no fault of the token", async (_name, answer) => {
    const one = await signer("one");
    const verifier = new TokenVerifier([issuer], keyServer(answer).fetchKeys);
    await expect(verifier.verify(await one.sign(), Date.now())).rejects.toMatchObject({
      code: "NOT_READY",
      message: "The keys of the token's issuer cannot be fetched.",
    });
  });
});

describe("a verified token", () => {
  test("is used again for at most a minute, and never after its end", async () => {
    const one = await signer("one");
    const server = keyServer(() => Response.json({ keys: [one.jwk] }));
    const verifier = new TokenVerifier([issuer], server.fetchKeys);
    const now = Date.now();
    const token = await one.sign();
    const first = await verifier.verify(token, now);
    expect(await verifier.verify(token, now + 59_999)).toBe(first);
    const again = await verifier.verify(token, now + 60_001);
    expect(again).not.toBe(first);
    expect(again).toEqual(first);
    await expect(verifier.verify(token, now + 601_000)).rejects.toMatchObject({
      code: "TOKEN_INVALID",
      message: "The token has expired.",
    });
  });

  test("that ends sooner is not used past its end", async () => {
    const one = await signer("one");
    const verifier = new TokenVerifier([issuer], keyServer(() => Response.json({ keys: [one.jwk] })).fetchKeys);
    const now = Date.now();
    const token = await one.sign();
    await verifier.verify(token, now + 595_000);
    await expect(verifier.verify(token, now + 601_000)).rejects.toMatchObject({ message: "The token has expired." });
  });
});

describe("VerifiedTokens", () => {
  test("forgets the one unused for longest, past 2000", () => {
    const tokens = new VerifiedTokens<number>();
    for (let index = 0; index < 2_000; index++) tokens.set(`token-${index}`, index, 10);
    expect(tokens.get("token-0", 5)).toBe(0);
    tokens.set("token-new", -1, 10);
    expect([tokens.get("token-0", 5), tokens.get("token-1", 5), tokens.get("token-2", 5)]).toEqual([0, undefined, 2]);
  });

  test("forgets at its time", () => {
    const tokens = new VerifiedTokens<number>();
    tokens.set("token", 1, 10);
    expect([tokens.get("token", 9), tokens.get("token", 10), tokens.get("token", 9)]).toEqual([
      1,
      undefined,
      undefined,
    ]);
  });
});

describe("AUTH_ISSUERS", () => {
  const key = { kty: "OKP", crv: "Ed25519", x: "abc" };
  const good = { issuer: "https://a.test", audience: "patchbay", jwks: { keys: [key] } };

  test("may be empty, and fills in what is left out", () => {
    expect(parseIssuers("[]")).toEqual([]);
    expect(parseIssuers(JSON.stringify([good]))).toEqual([
      { ...good, algorithms: ["EdDSA", "ES256", "RS256"], clockToleranceSeconds: 0 },
    ]);
  });

  test.each<[string, unknown]>([
    ["no list", good],
    ["no audience", [{ ...good, audience: undefined }]],
    ["an empty audience", [{ ...good, audience: "" }]],
    ["a shared secret", [{ ...good, jwks: { keys: [{ kty: "oct", k: "c2VjcmV0" }] } }]],
    ["a private key", [{ ...good, jwks: { keys: [{ ...key, d: "abc" }] } }]],
    ["no keys", [{ ...good, jwks: { keys: [] } }]],
    ["neither keys nor address", [{ issuer: "https://a.test", audience: "patchbay" }]],
    ["keys and address", [{ ...good, jwksUrl: "https://a.test/keys" }]],
    ["an address without TLS", [{ issuer: "https://a.test", audience: "b", jwksUrl: "http://a.test/keys" }]],
    ["HS256", [{ ...good, algorithms: ["HS256"] }]],
    ["none", [{ ...good, algorithms: ["none"] }]],
    ["no algorithm", [{ ...good, algorithms: [] }]],
    ["too much tolerance", [{ ...good, clockToleranceSeconds: 61 }]],
    ["an unknown field", [{ ...good, audiance: "b" }]],
    ["an issuer twice", [good, good]],
  ])("%s is refused", (_name, value) => {
    expect(() => parseIssuers(JSON.stringify(value))).toThrow(/^AUTH_ISSUERS is not valid at: /);
  });

  test("that is not JSON is refused without being quoted", () => {
    expect(() => parseIssuers("{secret")).toThrow("AUTH_ISSUERS is not valid at: the whole.");
  });
});
