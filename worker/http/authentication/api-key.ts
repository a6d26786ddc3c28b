import { parseApiKey } from "../../control/keys/rules.ts";
import type { Snapshot, SnapshotKey } from "../../execution/snapshot.ts";
import type { Actor } from "../../lib/actor.ts";
import { sha256Hex } from "../../lib/hex.ts";

/** Compared with where there is no key, so that a missing key takes as long as a wrong secret. */
const NO_HASH = "0".repeat(64);

/**
 * The actor of an API key, or undefined where tenant, key or secret is wrong or the key has expired: the caller cannot
 * tell which.
 *
 * @param readSnapshot  reads the snapshot of a tenant
 * @param now           milliseconds since the epoch
 */
export async function verifyApiKey(
  text: string,
  readSnapshot: (tenantId: string) => Promise<Snapshot | undefined>,
  now: number,
): Promise<{ readonly actor: Actor; readonly snapshot: Snapshot } | undefined> {
  const key = parseApiKey(text);
  if (!key) return undefined;
  const snapshot = await readSnapshot(key.tenantId);
  const known = snapshot && Object.hasOwn(snapshot.keys, key.keyId) ? snapshot.keys[key.keyId] : undefined;
  const matches = equalHashes(await sha256Hex(key.secret), known?.secretHash ?? NO_HASH);
  if (!snapshot || !known || !matches || isExpired(known, now)) return undefined;
  return { actor: { tenantId: key.tenantId, subject: `key:${key.keyId}`, roles: known.roles }, snapshot };
}

/** Takes the same time wherever two hashes of the same length differ. */
function equalHashes(left: string, right: string): boolean {
  const [a, b] = [new TextEncoder().encode(left), new TextEncoder().encode(right)];
  return a.byteLength === b.byteLength && crypto.subtle.timingSafeEqual(a, b);
}

function isExpired(key: SnapshotKey, now: number): boolean {
  return key.expiresAt !== null && key.expiresAt <= now;
}
