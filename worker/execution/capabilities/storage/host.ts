import * as v from "valibot";
import { PlatformError } from "../../../../sdk/contract/errors.ts";
import { storageOf } from "../../../../durable-objects/plugin-storage/client.ts";
import type { Space, Written } from "../../../../durable-objects/plugin-storage/rules.ts";
import { hostCall, type HostContext } from "../capability.ts";
import { requireWithin } from "../quotas.ts";
import { quotaOf } from "../../../../sdk/contract/grants.ts";

/** `storage_*`: what an install keeps. Values are sealed here; the object that keeps them sees keys, sizes and times only. */

const KEY_BYTES = 1_024;
const MOST_LISTED = 1_000;
const USUALLY_LISTED = 100;
const LONGEST_TTL_MS = 10 * 365 * 24 * 3_600_000;

/** A key as both storage and cache take it. */
export const Key = v.pipe(
  v.string("must be text"),
  v.nonEmpty("must not be empty"),
  v.maxBytes(KEY_BYTES, `must have at most ${KEY_BYTES} bytes`),
);
const Revision = v.pipe(v.number("must be a number"), v.integer("must be whole"), v.minValue(0, "must be 0 or more"));

export function ttl(longest: number) {
  const bounds = `must be 1 to ${longest} milliseconds`;
  return v.pipe(v.number(bounds), v.integer(bounds), v.minValue(1, bounds), v.maxValue(longest, bounds));
}

export const storageGet = hostCall("storage", v.strictObject({ key: Key }), async (context, { key }) => {
  const found = await stubOf(context).get("storage", key, context.services.clock.now());
  if (!found) return { value: { found: false } };
  const body = await context.services.values.open(found.value, sealContext(context, "storage", key));
  return { value: { found: true, revision: found.revision, expiresAt: found.expiresAt }, body };
});

/** `ifRevision` makes it compare-and-set: 0 for an entry that must not be there yet. */
export const storageSet = hostCall(
  "storage",
  v.strictObject({ key: Key, ttlMs: v.optional(ttl(LONGEST_TTL_MS)), ifRevision: v.optional(Revision) }),
  async (context, { key, ttlMs, ifRevision }, body = new Uint8Array()) => {
    context.quotas.within("storage", "valueBytes", body.byteLength);
    const written = await put(context, "storage", { key, body, ttlMs, ifRevision });
    const isStored = !("conflict" in written);
    return { value: { stored: isStored, revision: isStored ? written.revision : written.conflict } };
  },
);

export const storageDelete = hostCall(
  "storage",
  v.strictObject({ key: Key, ifRevision: v.optional(Revision) }),
  async (context, { key, ifRevision }) => {
    const deleted = await stubOf(context).delete("storage", key, ifRevision, context.services.clock.now());
    return { value: typeof deleted === "boolean" ? { deleted } : { deleted: false, revision: deleted.conflict } };
  },
);

export const storageList = hostCall(
  "storage",
  v.strictObject({
    prefix: v.optional(v.pipe(v.string(), v.maxBytes(KEY_BYTES)), ""),
    after: v.optional(v.pipe(v.string(), v.maxBytes(KEY_BYTES)), ""),
    limit: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MOST_LISTED)), USUALLY_LISTED),
  }),
  async (context, { prefix, after, limit }) => {
    const page = await stubOf(context).list("storage", prefix, after, limit, context.services.clock.now());
    return { value: { keys: page.entries.map((entry) => ({ ...entry })), more: page.more } };
  },
);

export interface Put {
  readonly key: string;
  readonly body: Uint8Array;
  readonly ttlMs: number | undefined;
  readonly ifRevision?: number | undefined;
}

/** @throws {PlatformError} CAPABILITY_QUOTA_EXCEEDED where the space is full */
export async function put(
  context: HostContext,
  space: "storage" | "cache",
  { key, body, ttlMs, ifRevision }: Put,
): Promise<Exclude<Written, { readonly full: number } | { readonly crowded: number }>> {
  const now = context.services.clock.now();
  const value = await context.services.values.seal(body, sealContext(context, space, key));
  const expiresAt = ttlMs === undefined ? null : now + ttlMs;
  const quota = quotaOf(space, "bytes", context.grant);
  const [written] = await stubOf(context).write(space, [{ key, value, expiresAt, ifRevision }], quota, now);
  if (!written || "crowded" in written) throw new PlatformError("CAPABILITY_UNAVAILABLE", "The value was not stored.");
  if ("full" in written) {
    requireWithin(space, "bytes", written.full, context.grant);
    throw new PlatformError("CAPABILITY_UNAVAILABLE", "The value was not stored.");
  }
  if ("held" in written) context.quotas.held(space, "bytes", written.held);
  return written;
}

export function stubOf({ call, services }: HostContext): ReturnType<typeof storageOf> {
  return storageOf(services.storage, call);
}

/** A value opens only as what it was stored as. */
export function sealContext({ call }: HostContext, space: Space, key: string): readonly string[] {
  return [space, call.tenantId, call.installId, key];
}
