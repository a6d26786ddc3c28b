import { env } from "cloudflare:workers";
import { importJWK, SignJWT, type JWTPayload } from "jose";
import { TEST_AUDIENCE, TEST_ISSUER, type TestKeyName, type TestKeys } from "./test-issuers.ts";

declare global {
  namespace Cloudflare {
    interface Env {
      TEST_SIGNING_KEYS: string;
    }
  }
}

const LIFETIME_SECONDS = 600;

export interface TokenOptions {
  readonly tenant?: string;
  readonly subject?: string;
  /** Undefined: the token has no roles claim. */
  readonly roles?: readonly string[] | undefined;
  readonly key?: TestKeyName;
  /** Claims that replace or add to the usual ones; undefined removes one. */
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly header?: Readonly<Record<string, unknown>>;
}

export function signingKeys(): TestKeys {
  return JSON.parse(env.TEST_SIGNING_KEYS) as TestKeys; // written by vitest.config.ts
}

/** Claims of a token that the tests' worker accepts. */
export function usualClaims({ tenant = "acme", subject = "user-1", roles }: TokenOptions = {}): JWTPayload {
  const now = Math.floor(Date.now() / 1000);
  return {
    iss: TEST_ISSUER,
    aud: TEST_AUDIENCE,
    sub: subject,
    tenant,
    ...(roles === undefined ? {} : { roles }),
    iat: now,
    exp: now + LIFETIME_SECONDS,
  };
}

/** A signed token. Without options: user-1 of tenant acme, no roles claim. */
export async function mintToken(options: TokenOptions = {}): Promise<string> {
  const jwk = signingKeys()[options.key ?? "EdDSA"];
  const claims = Object.entries({ ...usualClaims(options), ...options.claims });
  const header = Object.entries({ alg: jwk.alg ?? "EdDSA", kid: jwk.kid, typ: "JWT", ...options.header });
  return new SignJWT(present(claims))
    .setProtectedHeader({ alg: jwk.alg ?? "EdDSA", ...present(header) })
    .sign(await importJWK(jwk, jwk.alg));
}

function present(entries: readonly [string, unknown][]): Record<string, unknown> {
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}
