import { host } from "../host.ts";

/** WebCrypto §10.1.1: most bytes at once. */
const MOST_BYTES = 65_536;
const POOL_BYTES = 256;
/** Of a double's fraction. */
const FRACTION_BITS = 53;

type Integers =
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

export const crypto = {
  getRandomValues<Values extends Integers>(values: Values): Values {
    if (values.byteLength > MOST_BYTES) {
      throw new DOMException(
        `The array has ${values.byteLength} bytes; the limit is ${MOST_BYTES}.`,
        "QuotaExceededError",
      );
    }
    const bytes = new Uint8Array(values.byteLength);
    host.fillRandom(bytes);
    new Uint8Array(values.buffer, values.byteOffset, values.byteLength).set(bytes);
    return values;
  },

  /** A random UUID (RFC 9562 §5.4). */
  randomUUID(): string {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
    bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
    const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
  },
};

const pool = new Uint8Array(POOL_BYTES);
const words = new DataView(pool.buffer);
let unread = 0;

/** Math.random over the host's source: the engine's own seed would be that of the build. */
export function random(): number {
  if (unread === 0) {
    host.fillRandom(pool);
    unread = POOL_BYTES;
  }
  unread -= 8;
  return Number(words.getBigUint64(unread) >> BigInt(64 - FRACTION_BITS)) / 2 ** FRACTION_BITS;
}
