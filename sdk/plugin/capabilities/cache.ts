import { capabilityFunction, type Content } from "../capability-call.ts";
import { bytesToText } from "../text.ts";

type Found = { readonly found: false } | { readonly found: true; readonly expiresAt: number };

const get = capabilityFunction<{ key: string }, Found>("cache_get");
const set = capabilityFunction<{ key: string; ttlMs?: number }, { stored: boolean }>("cache_set");
const remove = capabilityFunction<{ key: string }, { deleted: boolean }>("cache_delete");

/** What may be gone at any time. Every function throws CapabilityError where it is refused. */
export const cache = {
  async get(key: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const answer = get({ key });
    return answer.value.found ? answer.body() : undefined;
  },

  async getText(key: string): Promise<string | undefined> {
    const found = await cache.get(key);
    return found && bytesToText(found);
  },

  /** @param ttlMs  milliseconds, at most a day; five minutes where nothing is said */
  async set(key: string, value: Content, ttlMs?: number): Promise<void> {
    set({ key, ...(ttlMs === undefined ? {} : { ttlMs }) }, value);
  },

  async delete(key: string): Promise<boolean> {
    return remove({ key }).value.deleted;
  },
};
