import { bytesToText, textToBytes } from "../text.ts";

export type BodySource = string | Uint8Array | ArrayBuffer | ArrayBufferView | URLSearchParamsLike | null | undefined;

/** URLSearchParams, whichever library's. */
interface URLSearchParamsLike {
  append(name: string, value: string): void;
  toString(): string;
}

export const FORM_TYPE = "application/x-www-form-urlencoded;charset=UTF-8";
export const TEXT_TYPE = "text/plain;charset=UTF-8";

/** The type that the Fetch Standard gives a body of this kind (§5.2). */
export function typeOfBody(body: BodySource): string | undefined {
  if (typeof body === "string") return TEXT_TYPE;
  if (body === null || body === undefined || body instanceof ArrayBuffer || ArrayBuffer.isView(body)) return undefined;
  return FORM_TYPE;
}

export function bytesOfBody(body: BodySource): Uint8Array {
  if (body === null || body === undefined) return new Uint8Array();
  if (body instanceof Uint8Array) return body;
  if (body instanceof ArrayBuffer) return new Uint8Array(body);
  if (ArrayBuffer.isView(body)) return new Uint8Array(body.buffer, body.byteOffset, body.byteLength);
  return textToBytes(String(body));
}

/** Body of a request or response (Fetch Standard §5.3): whole from the beginning, and read once. */
export class Body {
  readonly #bytes: Uint8Array;
  #used = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get bodyUsed(): boolean {
    return this.#used;
  }

  async bytes(): Promise<Uint8Array> {
    if (this.#used) throw new TypeError("The body has been read already.");
    this.#used = true;
    return this.#bytes;
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return (await this.bytes()).slice().buffer;
  }

  async text(): Promise<string> {
    return bytesToText(await this.bytes());
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }

  /** For a clone, which does not use it up. */
  protected get content(): Uint8Array {
    if (this.#used) throw new TypeError("The body has been read already.");
    return this.#bytes;
  }
}
