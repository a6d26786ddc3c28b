/** Bytes that can be read at any place: memory, or an object in the store. */
export interface RandomAccess {
  /** Total number of bytes. */
  readonly size: number;
  /** Exactly `length` bytes from `offset`; the caller never asks beyond `size`. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

const WINDOW_BYTES = 4 * 1024 * 1024;

export function memoryAccess(bytes: Uint8Array): RandomAccess {
  return {
    size: bytes.length,
    read: (offset, length) => Promise.resolve(bytes.subarray(offset, offset + length)),
  };
}

/**
 * Reads whole windows and answers small reads from the last one, so that an archive of many small entries costs few
 * reads of the store. Memory: one window.
 */
export function windowedAccess(access: RandomAccess, windowBytes: number = WINDOW_BYTES): RandomAccess {
  let start = 0;
  let window: Uint8Array = new Uint8Array(0);
  return {
    size: access.size,
    async read(offset, length) {
      if (length > windowBytes) return access.read(offset, length);
      if (offset < start || offset + length > start + window.length) {
        window = new Uint8Array(0); // lets go of the old window before the new one arrives
        window = await access.read(offset, Math.min(windowBytes, access.size - offset));
        start = offset;
      }
      return window.subarray(offset - start, offset - start + length);
    },
  };
}

/** The bytes of a range, in pieces of at most `step`. */
export async function* readRange(
  access: RandomAccess,
  offset: number,
  length: number,
  step: number,
): AsyncGenerator<Uint8Array> {
  for (let done = 0; done < length; done += step) {
    yield await access.read(offset + done, Math.min(step, length - done));
  }
}
