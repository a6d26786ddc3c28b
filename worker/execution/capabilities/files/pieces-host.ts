import * as v from "valibot";
import { contentKey, pieceKey } from "../../../../durable-objects/plugin-files/client.ts";
import {
  MOST_BEGUN,
  MOST_PIECES,
  type BegunFile,
  type KeptFile,
} from "../../../../durable-objects/plugin-files/rules.ts";
import { PlatformError } from "../../../../sdk/contract/errors.ts";
import { quotaOf } from "../../../../sdk/contract/grants.ts";
import { toHex } from "../../../lib/hex.ts";
import { hostCall, type HostContext } from "../capability.ts";
import { requireWithin } from "../quotas.ts";
import { noteHeld, registerOf, shown } from "./host.ts";
import { ContentType, Path } from "./path-rules.ts";

/**
 * Files written in pieces, by calls of one plugin call or of several: none of them holds the file whole. Each piece is an object of
 * its own until the file is finished; then they pass through the worker as a stream.
 */

const Id = v.strictObject({
  id: v.pipe(v.string("must be text"), v.regex(/^[0-9A-Z]{26}$/, "must be the id of files_begin")),
});

export const filesBegin = hostCall(
  "files",
  v.strictObject({ path: Path, contentType: v.optional(ContentType, "application/octet-stream") }),
  async (context, { path, contentType }) => {
    const { call, grant, services } = context;
    const id = services.newId();
    const quotas = { bytes: quotaOf("files", "bytes", grant), files: quotaOf("files", "files", grant) };
    const refused = await registerOf(context).begin(path, contentKey(call, id), contentType, quotas);
    if (refused && "begun" in refused) {
      throw new PlatformError("HOST_REQUEST_INVALID", `At most ${MOST_BEGUN} files may be begun; finish or abort one.`);
    }
    if (refused && "full" in refused) requireWithin("files", "bytes", refused.full, grant);
    if (refused && "crowded" in refused) requireWithin("files", "files", refused.crowded, grant);
    return { value: { id } };
  },
);

export const filesAppend = hostCall("files", Id, async (context, { id }, body = new Uint8Array()) => {
  const { call, grant, services } = context;
  const [register, key] = [registerOf(context), contentKey(call, id)];
  const quotas = { bytes: quotaOf("files", "bytes", grant), fileBytes: quotaOf("files", "fileBytes", grant) };
  const room = await register.reservePiece(key, body.byteLength, quotas);
  if (!room) throw notBegun(id);
  if ("large" in room) requireWithin("files", "fileBytes", room.large, grant);
  if ("full" in room) requireWithin("files", "bytes", room.full, grant);
  if (!("piece" in room)) {
    throw new PlatformError(
      "HOST_REQUEST_INVALID",
      `A file may have at most ${MOST_PIECES} pieces; append larger ones.`,
    );
  }
  try {
    await services.bucket.put(room.key, body);
  } catch (cause) {
    await register.abort(key);
    throw cause;
  }
  await register.storedPiece(key);
  context.quotas.within("files", "fileBytes", room.bytes);
  return { value: { id, bytes: room.bytes, pieces: room.piece + 1 } };
});

/** Puts the file in its place as a whole, as `files_put` does. */
export const filesFinish = hostCall("files", Id, async (context, { id }) => {
  const register = registerOf(context);
  const begun = await register.finish(contentKey(context.call, id));
  if (!begun) throw notBegun(id);
  if (begun.stored < begun.pieces) {
    throw new PlatformError("HOST_REQUEST_INVALID", "id: a piece of the file is still being appended");
  }
  const { key, path, contentType, bytes } = begun;
  let file: KeptFile;
  try {
    file = {
      path,
      key,
      bytes,
      contentType,
      sha256: await join(context, begun),
      modifiedAt: context.services.clock.now(),
    };
  } catch (cause) {
    await register.cancel(key);
    throw cause;
  }
  const held = await register.commit(file);
  if (held) {
    noteHeld(context, held);
    return { value: { stored: true, ...shown(file) } };
  }
  await register.cancel(key);
  throw new PlatformError("CAPABILITY_UNAVAILABLE", "The file was not stored: writing it took too long.");
});

export const filesAbort = hostCall("files", Id, async (context, { id }) => ({
  value: { aborted: await registerOf(context).abort(contentKey(context.call, id)) },
}));

/** Makes one object of the pieces, a chunk at a time. @returns its SHA-256 in hexadecimal */
async function join({ services }: HostContext, { key, bytes, pieces, contentType }: BegunFile): Promise<string> {
  const { readable, writable } = new FixedLengthStream(bytes);
  const digest = new crypto.DigestStream("SHA-256");
  const sha256 = digest.digest;
  sha256.catch(() => undefined); // fails with the copy, which says why
  const written = services.bucket.put(key, readable, { httpMetadata: { contentType } });
  const copied = copy(services.bucket, key, pieces, [writable.getWriter(), digest.getWriter()]);
  // Whichever fails ends the other too.
  await Promise.all([written, copied]);
  return toHex(await sha256);
}

async function copy(
  bucket: R2Bucket,
  key: string,
  pieces: number,
  writers: readonly WritableStreamDefaultWriter<Uint8Array>[],
): Promise<void> {
  for (const writer of writers) writer.closed.catch(() => undefined); // what is written to it says so too
  try {
    for (let piece = 0; piece < pieces; piece++) {
      const object = await bucket.get(pieceKey(key, piece));
      if (!object) throw new Error("A piece of the file is gone.");
      for await (const chunk of object.body) for (const writer of writers) await writer.write(chunk as Uint8Array); // R2 gives bytes
    }
    for (const writer of writers) await writer.close();
  } catch (error) {
    for (const writer of writers) await writer.abort(error).catch(() => undefined); // the error itself is thrown
    throw error;
  }
}

function notBegun(id: string): PlatformError {
  return new PlatformError(
    "HOST_REQUEST_INVALID",
    `id: no file "${id}" is begun; it was finished, aborted or given up`,
  );
}
