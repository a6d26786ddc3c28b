import * as v from "valibot";
import { contentKey, filesOf } from "../../../../durable-objects/plugin-files/client.ts";
import type { KeptFile, StoredFile, Totals } from "../../../../durable-objects/plugin-files/rules.ts";
import { PlatformError } from "../../../../sdk/contract/errors.ts";
import { quotaOf } from "../../../../sdk/contract/grants.ts";
import { sha256Hex } from "../../../lib/hex.ts";
import { hostCall, type HostContext, type HostResult } from "../capability.ts";
import { requireWithin } from "../quotas.ts";
import { ContentType, Path, Prefix } from "./path-rules.ts";

/** `files_*`: files of an install. Their bytes are in R2, what there is of them in the install's register. */

const PIECE_BYTES = 4 * 1024 * 1024;
const USUAL_PIECE_BYTES = 1024 * 1024;
const MOST_LISTED = 1_000;
const USUALLY_LISTED = 100;
const Offset = v.pipe(v.number("must be a number"), v.safeInteger("must be whole"), v.minValue(0, "must be 0 or more"));

/** Replaces the file as a whole: who reads meanwhile has the one or the other. */
export const filesPut = hostCall(
  "files",
  v.strictObject({ path: Path, contentType: v.optional(ContentType, "application/octet-stream") }),
  async (context, { path, contentType }, body = new Uint8Array()) => {
    const { call, grant, services } = context;
    const bytes = body.byteLength;
    context.quotas.within("files", "fileBytes", bytes);
    const key = contentKey(call, services.newId());
    const quotas = { bytes: quotaOf("files", "bytes", grant), files: quotaOf("files", "files", grant) };
    const refused = await registerOf(context).reserve(path, key, bytes, quotas);
    if (refused && "full" in refused) requireWithin("files", "bytes", refused.full, grant);
    if (refused && "crowded" in refused) requireWithin("files", "files", refused.crowded, grant);
    const sha256 = await sha256Hex(body);
    const file = { path, key, bytes, contentType, sha256, modifiedAt: services.clock.now() };
    await store(context, file, body);
    return { value: { stored: true, ...shown(file) } };
  },
);

/** A piece of a file, so that one larger than the plugin's memory passes too. */
export const filesGet = hostCall(
  "files",
  v.strictObject({
    path: Path,
    offset: v.optional(Offset, 0),
    length: v.optional(v.pipe(Offset, v.maxValue(PIECE_BYTES, `must be at most ${PIECE_BYTES}`)), USUAL_PIECE_BYTES),
  }),
  async (context, { path, offset, length }): Promise<HostResult> => {
    const file = await registerOf(context).find(path);
    if (!file) return { value: { found: false } };
    const rest = Math.max(0, Math.min(length, file.bytes - offset));
    const body = rest === 0 ? new Uint8Array() : await read(context, file, offset, rest);
    return { value: { found: true, ...shown(file), offset, length: rest, more: offset + rest < file.bytes }, body };
  },
);

export const filesHead = hostCall("files", v.strictObject({ path: Path }), async (context, { path }) => {
  const file = await registerOf(context).find(path);
  return { value: file ? { found: true, ...shown(file) } : { found: false } };
});

export const filesList = hostCall(
  "files",
  v.strictObject({
    prefix: v.optional(Prefix, ""),
    after: v.optional(Prefix, ""),
    limit: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MOST_LISTED)), USUALLY_LISTED),
  }),
  async (context, { prefix, after, limit }) => {
    const { files, more } = await registerOf(context).list(prefix, after, limit);
    return { value: { files: files.map((file) => shown(file)), more } };
  },
);

export const filesDelete = hostCall("files", v.strictObject({ path: Path }), async (context, { path }) => ({
  value: { deleted: await registerOf(context).delete(path) },
}));

async function store(context: HostContext, file: KeptFile, body: Uint8Array): Promise<void> {
  const register = registerOf(context);
  const { key, sha256, contentType } = file;
  try {
    await context.services.bucket.put(key, body, { sha256, httpMetadata: { contentType } });
  } catch (cause) {
    await register.cancel(key);
    throw cause;
  }
  const held = await register.commit(file);
  if (held) return noteHeld(context, held);
  await register.cancel(key);
  throw new PlatformError("CAPABILITY_UNAVAILABLE", "The file was not stored: writing it took too long.");
}

async function read(context: HostContext, { key }: KeptFile, offset: number, length: number): Promise<Uint8Array> {
  const object = await context.services.bucket.get(key, { range: { offset, length } });
  if (object) return new Uint8Array(await object.arrayBuffer());
  throw new PlatformError("CAPABILITY_UNAVAILABLE", "The file was replaced while it was read.");
}

/** For the usage report. */
export function noteHeld({ quotas }: HostContext, { bytes, files }: Totals): void {
  quotas.held("files", "bytes", bytes);
  quotas.held("files", "files", files);
}

export function registerOf({ call, services }: HostContext): ReturnType<typeof filesOf> {
  return filesOf(services.files, call);
}

/** A file as plugins see it. */
export function shown({ path, bytes, contentType, sha256, modifiedAt }: StoredFile) {
  return { path, bytes, contentType, sha256, modifiedAt };
}
