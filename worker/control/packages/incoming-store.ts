import type { Deps } from "../../deps.ts";
import { toHex } from "../../lib/hex.ts";
import { listPages } from "../../lib/bucket-pages.ts";
import { errorText } from "../../lib/error-text.ts";
import { logError } from "../../lib/json-log.ts";
import type { IdSource } from "../../lib/ulid.ts";

/**
 * Bytes on their way in: written under `incoming/` as they arrive, hashed on the way, and deleted by whoever asked for
 * them once they are stored under their digest, or refused.
 */

const PREFIX = "incoming/";
/** R2 takes parts of 5 MiB to 5 GiB, all of one size but the last. One part is held in memory. */
const PART_BYTES = 8 * 1024 * 1024;
/** Far longer than the longest upload, so that nothing in use is swept. */
const STALE_MS = 3_600_000;

/** An object in the store. */
export interface StoredBytes {
  readonly key: string;
  readonly size: number;
  /** SHA-256, hexadecimal. */
  readonly digest: string;
}

/** Writes one stream of bytes to the store in parts. After a failure, and after use, `discard` leaves nothing behind. */
export class IncomingWriter {
  readonly key: string;
  readonly #bucket: R2Bucket;
  readonly #hash = new crypto.DigestStream("SHA-256");
  readonly #hashWriter: WritableStreamDefaultWriter<ArrayBuffer | ArrayBufferView>;
  #part = new Uint8Array(PART_BYTES);
  #filled = 0;
  #size = 0;
  #upload: R2MultipartUpload | undefined;
  #parts: R2UploadedPart[] = [];

  constructor(bucket: R2Bucket, id: string) {
    this.#bucket = bucket;
    this.key = `${PREFIX}${id}`;
    this.#hashWriter = this.#hash.getWriter();
  }

  /** Bytes taken so far. */
  get size(): number {
    return this.#size;
  }

  /** Takes the next bytes; they are copied, the caller may reuse its buffer. */
  async write(chunk: Uint8Array): Promise<void> {
    this.#size += chunk.length;
    await this.#hashWriter.write(chunk);
    for (let taken = 0; taken < chunk.length;) {
      const piece = chunk.subarray(taken, taken + PART_BYTES - this.#filled);
      this.#part.set(piece, this.#filled);
      this.#filled += piece.length;
      taken += piece.length;
      if (this.#filled === PART_BYTES) await this.#flush();
    }
  }

  /** Completes the object. Small ones are put at once. */
  async finish(): Promise<StoredBytes> {
    await this.#hashWriter.close();
    if (!this.#upload) {
      await this.#bucket.put(this.key, this.#part.subarray(0, this.#filled));
    } else {
      if (this.#filled > 0) await this.#flush();
      await this.#upload.complete(this.#parts);
      this.#upload = undefined;
    }
    this.#part = new Uint8Array(0);
    return { key: this.key, size: this.#size, digest: toHex(await this.#hash.digest) };
  }

  /** Deletes what was written, finished or not. */
  async discard(): Promise<void> {
    this.#part = new Uint8Array(0);
    await this.#upload?.abort();
    this.#upload = undefined;
    await this.#bucket.delete(this.key);
  }

  async #flush(): Promise<void> {
    this.#upload ??= await this.#bucket.createMultipartUpload(this.key);
    this.#parts.push(await this.#upload.uploadPart(this.#parts.length + 1, this.#part.subarray(0, this.#filled)));
    this.#filled = 0;
  }
}

/** Everything that one upload writes under `incoming/`, so that one call removes it whatever happened. */
export class IncomingArea {
  readonly #bucket: R2Bucket;
  readonly #newId: IdSource;
  readonly #writers: IncomingWriter[] = [];

  constructor(bucket: R2Bucket, newId: IdSource) {
    this.#bucket = bucket;
    this.#newId = newId;
  }

  writer(): IncomingWriter {
    const writer = new IncomingWriter(this.#bucket, this.#newId());
    this.#writers.push(writer);
    return writer;
  }

  /** What cannot be deleted now is swept later; the upload's own outcome stands. */
  async discard(): Promise<void> {
    const results = await Promise.allSettled(this.#writers.map((writer) => writer.discard()));
    for (const result of results) {
      if (result.status === "rejected") logError("incoming.not-deleted", { error: errorText(result.reason) });
    }
  }
}

/**
 * Deletes what uploads left behind whose worker died before it could clean up. Parts of uploads that were never
 * completed cannot be listed by a binding; R2 drops them after 7 days by its default lifecycle rule.
 *
 * @returns how many objects were deleted
 */
export async function sweepIncoming(deps: {
  readonly env: Pick<Env, "STORE">;
  readonly clock: Deps["clock"];
}): Promise<number> {
  const before = deps.clock.now() - STALE_MS;
  let deleted = 0;
  for await (const page of listPages(deps.env.STORE, { prefix: PREFIX })) {
    const stale = page.filter((object) => object.uploaded.getTime() < before).map((object) => object.key);
    if (stale.length > 0) await deps.env.STORE.delete(stale);
    deleted += stale.length;
  }
  return deleted;
}
