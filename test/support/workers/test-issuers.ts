import { exportJWK, generateKeyPair, type JWK } from "jose";

/**
 * Issuers that the tests' worker trusts, with fresh keys for each run. Runs in Node, in vitest.config.ts; only strings
 * reach the worker.
 */

export const TEST_ISSUER = "https://issuer.test";
/** Trusted too, but only with ES256, and for another audience. */
export const SECOND_ISSUER = "https://second-issuer.test";
export const TEST_AUDIENCE = "patchbay-test";
export const SECOND_AUDIENCE = "patchbay-second";
export const CLOCK_TOLERANCE_SECONDS = 5;

export type TestKeyName = "EdDSA" | "ES256" | "RS256" | "second";
export type TestKeys = Readonly<Record<TestKeyName, JWK>>;

export interface TestIssuerBindings {
  readonly AUTH_ISSUERS: string;
  /** JSON of {@link TestKeys}, private halves included. */
  readonly TEST_SIGNING_KEYS: string;
}

export async function testIssuerBindings(): Promise<TestIssuerBindings> {
  const keys: TestKeys = {
    EdDSA: await newKey("EdDSA", "key-eddsa"),
    ES256: await newKey("ES256", "key-es256"),
    RS256: await newKey("RS256", "key-rs256"),
    second: await newKey("ES256", "key-second"),
  };
  const issuers = [
    {
      issuer: TEST_ISSUER,
      audience: TEST_AUDIENCE,
      clockToleranceSeconds: CLOCK_TOLERANCE_SECONDS,
      jwks: { keys: [keys.EdDSA, keys.ES256, keys.RS256].map(publicHalf) },
    },
    {
      issuer: SECOND_ISSUER,
      audience: SECOND_AUDIENCE,
      algorithms: ["ES256"],
      jwks: { keys: [publicHalf(keys.second)] },
    },
  ];
  return { AUTH_ISSUERS: JSON.stringify(issuers), TEST_SIGNING_KEYS: JSON.stringify(keys) };
}

async function newKey(algorithm: "EdDSA" | "ES256" | "RS256", kid: string): Promise<JWK> {
  const { privateKey } = await generateKeyPair(algorithm, { extractable: true });
  return { ...(await exportJWK(privateKey)), kid, alg: algorithm, use: "sig" };
}

export function publicHalf({ d: _d, p: _p, q: _q, dp: _dp, dq: _dq, qi: _qi, ...rest }: JWK): JWK {
  return rest;
}
