import { PlatformError } from "../../../sdk/contract/errors.ts";
import type { ApiKey, KeyAnswer } from "./schema.ts";

/**
 * API keys: `pbk_<tenant>_<key id>_<secret>`. The prefix lets secret scanners find a leaked key, the tenant says whose
 * snapshot holds the hash, and only the hash of the secret is ever stored.
 */

export const API_KEY_PREFIX = "pbk_";
/** Random bytes of a secret; shown as hexadecimal digits, so that a double click selects the whole key. */
export const SECRET_BYTES = 32;

const KEY = /^pbk_(?<tenantId>[a-z0-9][a-z0-9-]{1,38})_(?<keyId>[0-7][0-9A-HJKMNP-TV-Z]{25})_(?<secret>[0-9a-f]{64})$/;

export interface ApiKeyText {
  readonly tenantId: string;
  readonly keyId: string;
  readonly secret: string;
}

export function formatApiKey({ tenantId, keyId, secret }: ApiKeyText): string {
  return `${API_KEY_PREFIX}${tenantId}_${keyId}_${secret}`;
}

/** @returns undefined where the text is no API key */
export function parseApiKey(text: string): ApiKeyText | undefined {
  const { tenantId, keyId, secret } = KEY.exec(text)?.groups ?? {};
  if (tenantId === undefined || keyId === undefined || secret === undefined) return undefined;
  return { tenantId, keyId, secret };
}

/**
 * When a new key ends.
 *
 * @param asked  milliseconds since the epoch; absent: the key does not expire
 * @param now    milliseconds since the epoch
 * @throws {PlatformError} REQUEST_INVALID where the time asked for is not in the future
 */
export function keyExpiry(asked: number | undefined, now: number): number | null {
  if (asked === undefined) return null;
  if (asked > now) return asked;
  const message = `must be later than now (${now}), found ${asked}`;
  throw new PlatformError("REQUEST_INVALID", `The body's /expiresAt: ${message}.`, {
    issues: [{ path: "/expiresAt", message }],
  });
}

export interface KeyTimes {
  readonly expiresAt: number | null;
  readonly revokedAt: number | null;
}

/** @param now  milliseconds since the epoch */
export function keyStatus(key: KeyTimes, now: number): "active" | "expired" | "revoked" {
  if (key.revokedAt !== null) return "revoked";
  return key.expiresAt !== null && key.expiresAt <= now ? "expired" : "active";
}

/** The tenant's snapshot lists every active key, and is read whole into memory. */
export const KEYS_PER_TENANT = 100;

export function keysExceeded(): PlatformError {
  return new PlatformError(
    "QUOTA_EXCEEDED",
    `The tenant has ${KEYS_PER_TENANT} active keys; revoke one before making another.`,
    { limit: { name: "keys", used: KEYS_PER_TENANT, allowed: KEYS_PER_TENANT } },
  );
}

/** @param now  milliseconds since the epoch */
export function describeKey(key: ApiKey, now: number): KeyAnswer {
  return { ...key, status: keyStatus(key, now) };
}
