import * as v from "valibot";
import { hostCall } from "../capability.ts";
import { Key, put, sealContext, stubOf, ttl } from "../storage/host.ts";

/** `cache_*`: what may be gone at any time. A full cache drops what was unused for longest. */

const LONGEST_TTL_MS = 24 * 3_600_000;
const USUAL_TTL_MS = 5 * 60_000;

export const cacheGet = hostCall("cache", v.strictObject({ key: Key }), async (context, { key }) => {
  const found = await stubOf(context).get("cache", key, context.services.clock.now());
  if (!found) return { value: { found: false } };
  const body = await context.services.values.open(found.value, sealContext(context, "cache", key));
  return { value: { found: true, expiresAt: found.expiresAt }, body };
});

export const cacheSet = hostCall(
  "cache",
  v.strictObject({ key: Key, ttlMs: v.optional(ttl(LONGEST_TTL_MS), USUAL_TTL_MS) }),
  async (context, { key, ttlMs }, body = new Uint8Array()) => {
    context.quotas.within("cache", "valueBytes", body.byteLength);
    await put(context, "cache", { key, body, ttlMs });
    return { value: { stored: true } };
  },
);

export const cacheDelete = hostCall("cache", v.strictObject({ key: Key }), async (context, { key }) => {
  const deleted = await stubOf(context).delete("cache", key, undefined, context.services.clock.now());
  return { value: { deleted: deleted === true } };
});
