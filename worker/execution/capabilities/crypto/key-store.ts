import * as v from "valibot";
import { PlatformError } from "../../../../sdk/contract/errors.ts";
import { quotaOf } from "../../../../sdk/contract/grants.ts";
import type { HostContext } from "../capability.ts";
import { requireWithin } from "../quotas.ts";
import { sealContext, stubOf } from "../storage/host.ts";
import { KeyKindSchema, keyKind, PublicJwk, SECRET_KEY_BYTES, type KeyKind } from "./key-rules.ts";

/** Keys of an install, sealed in its storage object. They are imported here to be used, and leave by no function. */

const SPACE = "keys";
/** Far more than all keys an install may have; their number is what is limited. */
const SPACE_BYTES = 1024 * 1024;

const StoredKey = v.object({
  kind: KeyKindSchema,
  /** Base64. */
  key: v.string(),
  publicKey: v.optional(PublicJwk),
  createdAt: v.number(),
});
export type StoredKey = v.InferOutput<typeof StoredKey>;

/**
 * Makes a key, unless there is one of that name.
 *
 * @returns the key there is now, and whether it was made
 * @throws {PlatformError} CAPABILITY_QUOTA_EXCEEDED
 */
export async function createKey(
  context: HostContext,
  name: string,
  kind: KeyKind,
): Promise<{ readonly created: boolean; readonly key: StoredKey }> {
  const { clock, values } = context.services;
  const now = clock.now();
  const key = await makeKey(context, kind, now);
  const bytes = new TextEncoder().encode(JSON.stringify(key));
  const value = await values.seal(bytes, sealContext(context, SPACE, name));
  const most = quotaOf("crypto", "keys", context.grant);
  const writes = [{ key: name, value, expiresAt: null, ifRevision: 0 }];
  const [written] = await stubOf(context).write(SPACE, writes, SPACE_BYTES, now, most);
  if (written && "revision" in written) {
    context.quotas.held("crypto", "keys", written.entries ?? 0);
    return { created: true, key };
  }
  if (written && "crowded" in written) requireWithin("crypto", "keys", written.crowded, context.grant);
  const found = await findKey(context, name);
  if (!found) throw new PlatformError("CAPABILITY_UNAVAILABLE", "The key was not stored.");
  return { created: false, key: found };
}

export async function findKey(context: HostContext, name: string): Promise<StoredKey | undefined> {
  const found = await stubOf(context).get(SPACE, name, context.services.clock.now());
  return found && openKey(context, name, found.value);
}

/** @throws {PlatformError} HOST_REQUEST_INVALID */
export async function requireKey(context: HostContext, name: string, use: "sign" | "encrypt"): Promise<StoredKey> {
  const key = await findKey(context, name);
  if (!key) throw new PlatformError("HOST_REQUEST_INVALID", `key: there is no key "${name}"`);
  if (keyKind(key.kind).use === use) return key;
  throw new PlatformError("HOST_REQUEST_INVALID", `key: "${name}" is ${key.kind}, which cannot ${use}`);
}

export async function listKeys(context: HostContext): Promise<readonly (StoredKey & { readonly name: string })[]> {
  const entries = await stubOf(context).all(SPACE, context.services.clock.now());
  const opened = entries.map(async ({ key: name, value }) => ({ name, ...(await openKey(context, name, value)) }));
  return Promise.all(opened);
}

export async function deleteKey(context: HostContext, name: string): Promise<boolean> {
  return (await stubOf(context).delete(SPACE, name, undefined, context.services.clock.now())) === true;
}

/** The secret key, or the private half of the pair, for one use. */
export function importKey({ kind, key }: StoredKey, use: KeyUsage): Promise<CryptoKey> {
  const { algorithm, isPair } = keyKind(kind);
  return crypto.subtle.importKey(isPair ? "pkcs8" : "raw", Uint8Array.fromBase64(key), algorithm, false, [use]);
}

type KeyUsage = "sign" | "verify" | "encrypt" | "decrypt";

async function openKey(context: HostContext, name: string, value: Uint8Array): Promise<StoredKey> {
  const bytes = await context.services.values.open(value, sealContext(context, SPACE, name));
  return v.parse(StoredKey, JSON.parse(new TextDecoder().decode(bytes)));
}

async function makeKey({ services }: HostContext, kind: KeyKind, createdAt: number): Promise<StoredKey> {
  const { algorithm, isPair } = keyKind(kind);
  if (!isPair) return { kind, key: services.randomBytes(SECRET_KEY_BYTES).toBase64(), createdAt };
  // A pair where the algorithm has two halves; `generateKey` is typed for both.
  const pair = (await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as CryptoKeyPair;
  const [key, publicKey] = await Promise.all([
    crypto.subtle.exportKey("pkcs8", pair.privateKey),
    crypto.subtle.exportKey("jwk", pair.publicKey),
  ]);
  return {
    kind,
    key: new Uint8Array(key as ArrayBuffer).toBase64(), // `pkcs8` is bytes
    publicKey: v.parse(PublicJwk, publicKey),
    createdAt,
  };
}
