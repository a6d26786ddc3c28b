import { PlatformError } from "../../sdk/contract/errors.ts";
import { sha256Hex } from "../lib/hex.ts";

export function moduleKey(digest: string): string {
  return `modules/${digest}.wasm`;
}

export function filesKey(digest: string): string {
  return `files/${digest}`;
}

/**
 * Reads a rewritten module and proves that it is the one asked for: a flipped byte in the store never runs.
 *
 * @param digest  SHA-256 of the rewritten module, hexadecimal
 * @throws {PlatformError} MODULE_UNAVAILABLE where the store does not answer; INTEGRITY_FAILED where bytes differ
 */
export function readModule(bucket: R2Bucket, digest: string): Promise<Uint8Array<ArrayBuffer>> {
  return readProved(bucket, { what: "module", key: moduleKey(digest), digest });
}

/** As {@link readModule}, for the files that a plugin may read. */
export function readFiles(bucket: R2Bucket, digest: string): Promise<Uint8Array<ArrayBuffer>> {
  return readProved(bucket, { what: "files", key: filesKey(digest), digest });
}

interface Stored {
  readonly what: "module" | "files";
  readonly key: string;
  readonly digest: string;
}

async function readProved(bucket: R2Bucket, { what, key, digest }: Stored): Promise<Uint8Array<ArrayBuffer>> {
  const content = await readObject(bucket, key).catch((cause: unknown) => {
    throw new PlatformError("MODULE_UNAVAILABLE", `The plugin's ${what} could not be read.`, { cause });
  });
  if (!content) throw new PlatformError("INTEGRITY_FAILED", `The ${what} ${digest} is missing from the store.`);
  const bytes = new Uint8Array(content);
  const found = await sha256Hex(bytes);
  if (found !== digest) {
    throw new PlatformError("INTEGRITY_FAILED", `The stored ${what} ${digest} has digest ${found}.`);
  }
  return bytes;
}

async function readObject(bucket: R2Bucket, key: string): Promise<ArrayBuffer | undefined> {
  return await (await bucket.get(key))?.arrayBuffer();
}
