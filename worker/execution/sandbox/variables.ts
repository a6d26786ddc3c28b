import type { VariableChanges } from "../../../sdk/contract/sandbox.ts";

/** What an entry costs beside its key and value: the host's own objects. */
const ENTRY_BYTES = 256;
/** Turned into text at once. */
const CHUNK_BYTES = 8_192;

/** The variables of one instance. They share the kernel memory limit with what is allocated there. */
export class Variables {
  readonly #values = new Map<string, Uint8Array>();
  readonly #changed = new Set<string>();
  #bytes = 0;

  /** Bytes held now, the cost of entries included. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Begins again with these, in Base64. */
  restore(values: Readonly<Record<string, string>>): void {
    this.#values.clear();
    this.#bytes = 0;
    for (const [key, text] of Object.entries(values)) {
      const value = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
      this.#values.set(key, value);
      this.#bytes += sizeOf(key, value.byteLength);
    }
    this.#changed.clear();
  }

  /** Since they were restored. */
  changes(): VariableChanges {
    const set: [string, string][] = [];
    const removed: string[] = [];
    for (const key of this.#changed) {
      const value = this.#values.get(key);
      if (value) set.push([key, toBase64(value)]);
      else removed.push(key);
    }
    // Defines own properties, whatever the guest calls them.
    return { set: Object.fromEntries(set), removed };
  }

  get(key: string): Uint8Array | undefined {
    return this.#values.get(key);
  }

  delete(key: string): void {
    const value = this.#values.get(key);
    if (value === undefined) return;
    this.#values.delete(key);
    this.#changed.add(key);
    this.#bytes -= sizeOf(key, value.byteLength);
  }

  /**
   * Sets a variable to a value of its own.
   *
   * @param room  bytes all variables together may hold
   * @returns false, with nothing changed, where the value does not fit
   */
  set(key: string, length: number, read: () => Uint8Array, room: number): boolean {
    const current = this.#values.get(key);
    const rest = this.#bytes - (current === undefined ? 0 : sizeOf(key, current.byteLength));
    const bytes = rest + sizeOf(key, length);
    if (bytes > room) return false;
    this.#values.set(key, read());
    this.#changed.add(key);
    this.#bytes = bytes;
    return true;
  }
}

/** Keys are held as UTF-16. */
function sizeOf(key: string, valueBytes: number): number {
  return ENTRY_BYTES + key.length * 2 + valueBytes;
}

function toBase64(value: Uint8Array): string {
  let text = "";
  for (let at = 0; at < value.byteLength; at += CHUNK_BYTES) {
    text += String.fromCharCode(...value.subarray(at, at + CHUNK_BYTES));
  }
  return btoa(text);
}
