import { PlatformError } from "../../../sdk/contract/errors.ts";
import type { Deps } from "../../deps.ts";
import type { Actor } from "../../lib/actor.ts";
import { sha256Hex, toHex } from "../../lib/hex.ts";
import { auditRow } from "../audit-log/rules.ts";
import { compileSnapshot, type CompileDeps } from "../compile.ts";
import { describeKey, formatApiKey, keyExpiry, KEYS_PER_TENANT, keysExceeded, SECRET_BYTES } from "./rules.ts";
import type { ApiKey, KeyInput, NewKeyAnswer } from "./schema.ts";
import { getKey, insertKey, revokeKey } from "./store.ts";

export type KeyDeps = CompileDeps & Pick<Deps, "newId" | "randomBytes">;

/**
 * @returns the key with its text, which exists nowhere else
 * @throws {PlatformError} QUOTA_EXCEEDED; REQUEST_INVALID where it would have expired already
 */
export async function createKey(deps: KeyDeps, actor: Actor, input: KeyInput): Promise<NewKeyAnswer> {
  const now = deps.clock.now();
  const key: ApiKey = {
    id: deps.newId(),
    name: input.name,
    roles: input.roles,
    createdAt: now,
    expiresAt: keyExpiry(input.expiresAt, now),
    revokedAt: null,
  };
  const secret = toHex(deps.randomBytes(SECRET_BYTES));
  const { name, roles, expiresAt } = key;
  const change = { action: "key.create", resourceId: key.id, after: { name, roles, expiresAt } } as const;
  const audit = auditRow(actor, change, deps.newId(), now);
  const inserted = await insertKey(deps.db, actor.tenantId, key, await sha256Hex(secret), KEYS_PER_TENANT, audit);
  if (!inserted) throw keysExceeded();
  await compileSnapshot(deps, actor.tenantId);
  return { ...describeKey(key, now), key: formatApiKey({ tenantId: actor.tenantId, keyId: key.id, secret }) };
}

/** Revoking a key again changes nothing. @throws {PlatformError} KEY_NOT_FOUND */
export async function revokeApiKey(deps: KeyDeps, actor: Actor, keyId: string): Promise<void> {
  const now = deps.clock.now();
  const change = { action: "key.revoke", resourceId: keyId, after: { revokedAt: now } } as const;
  const revoked = await revokeKey(deps.db, actor.tenantId, keyId, now, auditRow(actor, change, deps.newId(), now));
  if (!revoked && !(await getKey(deps.db, actor.tenantId, keyId))) {
    throw new PlatformError("KEY_NOT_FOUND", `The tenant has no API key "${keyId}".`);
  }
  await compileSnapshot(deps, actor.tenantId);
}
