import { PlatformError } from "../../../sdk/contract/errors.ts";
import { listPages } from "../../lib/bucket-pages.ts";
import { open, seal, type Context } from "../../lib/envelope.ts";
import { keyOf, parseKeyRing, type KeyRing } from "../../lib/key-ring.ts";

/**
 * Each tenant has a key of its own, with which its part of every backup is sealed: one object beside the archives and in none of
 * them, itself sealed with BACKUP_KEYS. Once it is erased its place says so, and nothing that it sealed can be opened any more.
 * docs/decisions/0027-tenants-have-keys.md says why it is there and not in the database.
 */
export interface TenantKeyDeps {
  readonly env: Pick<Env, "STORE" | "BACKUP_KEYS">;
  readonly randomBytes: (length: number) => Uint8Array;
}

export type TenantKey =
  | { readonly key: Uint8Array<ArrayBuffer> }
  /** Milliseconds since the epoch. */
  | { readonly erasedAt: number };

const PREFIX = "backups/keys/";
const KEY_BYTES = 32;
/** Writers that are in each other's way, before giving up. */
const TRIES = 5;
const UNKNOWN_KEY = { code: "BACKUP_KEY_UNKNOWN", what: "The key of a tenant" } as const;

export function backupKeyRing(env: Pick<Env, "BACKUP_KEYS">): KeyRing {
  return parseKeyRing("BACKUP_KEYS", env.BACKUP_KEYS);
}

function placeOf(tenantId: string): string {
  return PREFIX + tenantId;
}

/** Keys as they were when they were first asked for, for one step of a run. */
export class TenantKeys {
  readonly #deps: TenantKeyDeps;
  readonly #known = new Map<string, Promise<TenantKey>>();

  constructor(deps: TenantKeyDeps) {
    this.#deps = deps;
  }

  /** To seal with: made where there is none, sealed anew where BACKUP_KEYS has another current key. */
  toSeal(tenantId: string): Promise<TenantKey> {
    return this.#once(tenantId, () => ensureKey(this.#deps, tenantId));
  }

  /** To open with. @throws {PlatformError} BACKUP_UNREADABLE where it is lost */
  toOpen(tenantId: string): Promise<TenantKey> {
    return this.#once(tenantId, async () => {
      const { STORE } = this.#deps.env;
      const found = await STORE.get(placeOf(tenantId));
      if (found) return readKey(this.#deps, tenantId, found);
      throw new PlatformError("BACKUP_UNREADABLE", `The key of the tenant "${tenantId}" is missing in the store.`);
    });
  }

  #once(tenantId: string, read: () => Promise<TenantKey>): Promise<TenantKey> {
    const known = this.#known.get(tenantId) ?? read();
    this.#known.set(tenantId, known);
    return known;
  }
}

async function ensureKey(deps: TenantKeyDeps, tenantId: string): Promise<TenantKey> {
  const { STORE } = deps.env;
  const { current } = backupKeyRing(deps.env);
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const found = await STORE.get(placeOf(tenantId));
    const known = found && (await readKey(deps, tenantId, found));
    if (known && ("erasedAt" in known || found.customMetadata?.["key"] === current)) return known;
    const key = known?.key ?? Uint8Array.from(deps.randomBytes(KEY_BYTES));
    const onlyIf = found ? { etagMatches: found.etag } : { etagDoesNotMatch: "*" };
    if (await writeKey(deps, tenantId, key, onlyIf)) return { key };
  }
  throw new Error(`Others wrote the key of the tenant ${tenantId}, ${TRIES} times.`);
}

async function writeKey(
  deps: TenantKeyDeps,
  tenantId: string,
  key: Uint8Array<ArrayBuffer>,
  onlyIf: R2Conditional,
): Promise<boolean> {
  const ring = backupKeyRing(deps.env);
  const sealed = await seal(key, keyOf(ring, ring.current, UNKNOWN_KEY), contextOf(tenantId), deps.randomBytes);
  const options = { onlyIf, customMetadata: { key: ring.current } };
  return (await deps.env.STORE.put(placeOf(tenantId), sealed, options)) !== null;
}

async function readKey({ env }: TenantKeyDeps, tenantId: string, found: R2ObjectBody): Promise<TenantKey> {
  const erasedAt = erasureOf(found);
  if (erasedAt !== undefined) return { erasedAt };
  const ringKey = keyOf(backupKeyRing(env), found.customMetadata?.["key"] ?? "", UNKNOWN_KEY);
  try {
    return { key: await open(new Uint8Array(await found.arrayBuffer()), ringKey, contextOf(tenantId)) };
  } catch (cause) {
    throw new PlatformError("BACKUP_UNREADABLE", `The key of the tenant "${tenantId}" is damaged.`, { cause });
  }
}

function contextOf(tenantId: string): Context {
  return ["patchbay backup key of a tenant", tenantId];
}

function erasureOf({ customMetadata }: R2Object): number | undefined {
  const erased = customMetadata?.["erased"];
  return erased === undefined ? undefined : Number(erased);
}

/** Puts a note in the place of the key. An erasure that is noted stays as it is. @param now  milliseconds since the epoch */
export async function eraseTenantKey(
  { env }: Pick<TenantKeyDeps, "env">,
  tenantId: string,
  now: number,
): Promise<number> {
  const known = await readErasure({ env }, tenantId);
  if (known !== undefined) return known;
  await env.STORE.put(placeOf(tenantId), new Uint8Array(0), { customMetadata: { erased: String(now) } });
  return now;
}

/** When the tenant was erased; undefined: it was not. */
export async function readErasure(
  { env }: { readonly env: Pick<Env, "STORE"> },
  tenantId: string,
): Promise<number | undefined> {
  const found = await env.STORE.head(placeOf(tenantId));
  return found ? erasureOf(found) : undefined;
}

/** Every tenant that was erased, with the time, milliseconds since the epoch. */
export async function listErased({ env }: Pick<TenantKeyDeps, "env">): Promise<ReadonlyMap<string, number>> {
  const erased = new Map<string, number>();
  for await (const page of listPages(env.STORE, { prefix: PREFIX, include: ["customMetadata"] })) {
    for (const object of page) {
      const at = erasureOf(object);
      if (at !== undefined) erased.set(object.key.slice(PREFIX.length), at);
    }
  }
  return erased;
}
