import { capabilityFunction, type Content } from "../capability-call.ts";
import { bytesToText } from "../text.ts";

export interface StoredValue {
  readonly value: Uint8Array<ArrayBuffer>;
  /** Grows with every write of the key. */
  readonly revision: number;
  /** Milliseconds since the epoch, null for a value that stays. */
  readonly expiresAt: number | null;
}

export interface WriteOptions {
  /** Milliseconds until the value is gone. */
  readonly ttlMs?: number;
  /** Writes only over this revision: 0 for a key that must not be there yet. */
  readonly ifRevision?: number;
}

/** `revision` is what is there now; with `stored: false` another's. */
export interface Written {
  readonly stored: boolean;
  readonly revision: number;
}

export interface ListOptions {
  readonly prefix?: string;
  /** The last key of the page before. */
  readonly after?: string;
  /** At most 1,000; 100 where nothing is said. */
  readonly limit?: number;
}

export interface StoredEntry {
  readonly key: string;
  readonly revision: number;
  readonly bytes: number;
  readonly expiresAt: number | null;
}

type Found =
  { readonly found: false } | { readonly found: true; readonly revision: number; readonly expiresAt: number | null };

const get = capabilityFunction<{ key: string }, Found>("storage_get");
const set = capabilityFunction<{ key: string } & WriteOptions, Written>("storage_set");
const remove = capabilityFunction<{ key: string; ifRevision?: number }, { deleted: boolean }>("storage_delete");
const list = capabilityFunction<ListOptions, { keys: StoredEntry[]; more: boolean }>("storage_list");

/** What the install keeps: encrypted, seen by no other install. Every function throws CapabilityError where it is refused. */
export const storage = {
  /** @returns undefined where there is no such key */
  async get(key: string): Promise<StoredValue | undefined> {
    const answer = get({ key });
    if (!answer.value.found) return undefined;
    const { revision, expiresAt } = answer.value;
    return { value: answer.body(), revision, expiresAt };
  },

  async getText(key: string): Promise<string | undefined> {
    const found = await storage.get(key);
    return found && bytesToText(found.value);
  },

  /** The value as it was set with `setJson`; the type is the caller's word. */
  async getJson<Value>(key: string): Promise<Value | undefined> {
    const text = await storage.getText(key);
    return text === undefined ? undefined : (JSON.parse(text) as Value); // what the caller says it is
  },

  async set(key: string, value: Content, options: WriteOptions = {}): Promise<Written> {
    return set({ key, ...options }, value).value;
  },

  async setJson(key: string, value: unknown, options: WriteOptions = {}): Promise<Written> {
    return storage.set(key, JSON.stringify(value), options);
  },

  /** @returns false where there was none, or it had another revision */
  async delete(key: string, ifRevision?: number): Promise<boolean> {
    return remove({ key, ...(ifRevision === undefined ? {} : { ifRevision }) }).value.deleted;
  },

  async list(options: ListOptions = {}): Promise<{ readonly keys: readonly StoredEntry[]; readonly more: boolean }> {
    return list(options).value;
  },
};
