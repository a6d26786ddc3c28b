import { host } from "../host.ts";

const LABELS = new Set(["utf-8", "utf8", "unicode-1-1-utf-8"]);
const BYTE_ORDER_MARK = "\ufeff";

/** Encoding Standard §7.4, in UTF-8 as there. */
export class TextEncoder {
  readonly encoding = "utf-8";

  encode(text: unknown = ""): Uint8Array {
    return host.encode(String(text));
  }

  encodeInto(text: string, target: Uint8Array): { read: number; written: number } {
    let read = 0;
    let written = 0;
    for (const character of text) {
      const bytes = host.encode(character);
      if (written + bytes.length > target.length) break;
      target.set(bytes, written);
      written += bytes.length;
      read += character.length;
    }
    return { read, written };
  }
}

/** Encoding Standard §7.2, for UTF-8 only. */
export class TextDecoder {
  readonly encoding = "utf-8";
  readonly fatal: boolean;
  readonly ignoreBOM: boolean;
  #unfinished = new Uint8Array();
  #begun = false;

  constructor(label = "utf-8", { fatal = false, ignoreBOM = false }: { fatal?: boolean; ignoreBOM?: boolean } = {}) {
    if (!LABELS.has(label.trim().toLowerCase()))
      throw new RangeError(`The encoding ${label} is not available; UTF-8 is.`);
    this.fatal = fatal;
    this.ignoreBOM = ignoreBOM;
  }

  decode(input?: ArrayBuffer | ArrayBufferView, { stream = false }: { stream?: boolean } = {}): string {
    const bytes = joined(this.#unfinished, bytesOf(input));
    const whole = stream ? bytes.length - unfinishedAt(bytes) : bytes.length;
    this.#unfinished = bytes.slice(whole);
    const text = host.decode(bytes.subarray(0, whole));
    if (this.fatal && text.includes("\ufffd") && !same(host.encode(text), bytes.subarray(0, whole))) {
      this.#unfinished = new Uint8Array();
      throw new TypeError("The bytes are not UTF-8.");
    }
    const strips = !this.ignoreBOM && !this.#begun && text.startsWith(BYTE_ORDER_MARK);
    this.#begun = stream && (this.#begun || text !== "");
    return strips ? text.slice(1) : text;
  }
}

function bytesOf(input: ArrayBuffer | ArrayBufferView | undefined): Uint8Array {
  if (input === undefined) return new Uint8Array();
  return ArrayBuffer.isView(input)
    ? new Uint8Array(input.buffer, input.byteOffset, input.byteLength)
    : new Uint8Array(input);
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

function same(first: Uint8Array, second: Uint8Array): boolean {
  return first.length === second.length && first.every((byte, at) => byte === second[at]);
}

/** How many bytes at the end begin a character that is not there whole. */
function unfinishedAt(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) return 0;
    if (byte < 0xc0) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    return length > back ? back : 0;
  }
  return 0;
}
