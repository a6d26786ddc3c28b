import { PlatformError } from "../../sdk/contract/errors.ts";
import { open, seal, type Context } from "../lib/envelope.ts";
import { keyOf, parseKeyRing, type KeyRing } from "../lib/key-ring.ts";

/**
 * Values that plugins store, sealed before they leave the worker. The id of the ring's key goes before them: length 1 | id |
 * envelope. Values sealed with keys that are no longer current can be read for as long as the key is in the ring.
 */
export class ValueSeal {
  readonly #secret: string;
  readonly #randomBytes: (length: number) => Uint8Array;
  #ring: KeyRing | undefined;

  /** @param secret  DATA_KEYS; read when the first value is sealed or opened */
  constructor(secret: string, randomBytes: (length: number) => Uint8Array) {
    this.#secret = secret;
    this.#randomBytes = randomBytes;
  }

  /** @param context  what the value is and whose */
  async seal(value: Uint8Array, context: Context): Promise<Uint8Array> {
    const ring = this.#keyRing();
    const id = new TextEncoder().encode(ring.current);
    const sealed = await seal(Uint8Array.from(value), this.#key(ring.current), context, this.#randomBytes);
    const bytes = new Uint8Array(1 + id.byteLength + sealed.byteLength);
    bytes[0] = id.byteLength;
    bytes.set(id, 1);
    bytes.set(sealed, 1 + id.byteLength);
    return bytes;
  }

  /** @throws {PlatformError} VALUE_UNREADABLE where it was changed, moved, or sealed with a key that is gone */
  async open(bytes: Uint8Array, context: Context): Promise<Uint8Array> {
    const end = 1 + (bytes[0] ?? 0);
    const id = new TextDecoder().decode(bytes.subarray(1, end));
    try {
      return await open(Uint8Array.from(bytes.subarray(end)), this.#key(id), context);
    } catch (cause) {
      if (cause instanceof PlatformError) throw cause;
      throw new PlatformError("VALUE_UNREADABLE", "A stored value was changed or moved since it was written.", {
        cause,
      });
    }
  }

  #keyRing(): KeyRing {
    return (this.#ring ??= parseKeyRing("DATA_KEYS", this.#secret));
  }

  #key(id: string): Uint8Array<ArrayBuffer> {
    return keyOf(this.#keyRing(), id, { code: "VALUE_UNREADABLE", what: "A stored value" });
  }
}
