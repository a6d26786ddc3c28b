/**
 * A bucket in memory, as far as the platform's code uses one that it writes to and reads back within one piece of work.
 *
 * @param contents  what is in it, by key; the caller's to keep
 */
export function memoryBucket(contents: Map<string, Uint8Array<ArrayBuffer>>): R2Bucket {
  const bucket = {
    head: async (key: string) => {
      const content = contents.get(key);
      return content ? { size: content.length, etag: key, checksums: {} } : null;
    },
    put: async (key: string, value: Uint8Array | ReadableStream) => {
      contents.set(key, new Uint8Array(await new Response(value as BodyInit).arrayBuffer()));
      return { key };
    },
    get: async (key: string, { range }: { range?: { offset: number; length: number } } = {}) => {
      const content = contents.get(key);
      const piece = range ? content?.slice(range.offset, range.offset + range.length) : content;
      return piece ? { arrayBuffer: async () => piece.buffer, body: new Response(piece).body } : null;
    },
    delete: async (keys: string | readonly string[]) => [keys].flat().forEach((key) => void contents.delete(key)),
    createMultipartUpload: async (key: string) => partsOf(contents, key),
  };
  return bucket as unknown as R2Bucket; // what the platform's code uses of it
}

function partsOf(contents: Map<string, Uint8Array<ArrayBuffer>>, key: string): object {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  return {
    uploadPart: async (number: number, part: Uint8Array) => {
      parts[number - 1] = Uint8Array.from(part);
      return { partNumber: number, etag: key };
    },
    complete: async () => void contents.set(key, new Uint8Array(await new Blob(parts).arrayBuffer())),
    abort: async () => undefined,
  };
}
