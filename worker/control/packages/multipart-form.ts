import { PlatformError } from "../../../sdk/contract/errors.ts";
import { PartHeaderError, readPartName } from "./multipart-header-rules.ts";

/**
 * multipart/form-data (RFC 7578, RFC 2046 §5.1) as a stream: a part's content passes through while it arrives. The
 * usual parsers, @remix-run/multipart-parser among them, hold each part in memory until it is complete.
 */

export interface FormPart {
  readonly name: string;
  /** Content in pieces; valid until the next piece is asked for. What is left unread is skipped. */
  readonly content: AsyncIterable<Uint8Array>;
}

const HEADER_MAX_BYTES = 8 * 1024;
const CRLF = encode("\r\n");
const HEADERS_END = encode("\r\n\r\n");
const DASH = 0x2d;

/** @returns the boundary, or undefined where the content type is not multipart/form-data with one */
export function formBoundary(contentType: string | null): string | undefined {
  const match = /^multipart\/form-data\s*;(?:.*;)?\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))\s*(?:;.*)?$/i.exec(
    contentType ?? "",
  );
  return match?.[1] ?? match?.[2];
}

/**
 * The parts of a form, one after the other.
 *
 * @param body      pieces of the request's body
 * @param boundary  of the content type
 * @throws PlatformError REQUEST_INVALID where the form is malformed or ends early; errors of `body` as they are
 */
export async function* readForm(body: AsyncIterable<Uint8Array>, boundary: string): AsyncGenerator<FormPart> {
  const input = new FormInput(body);
  try {
    // Before the first part the delimiter stands without the line break that otherwise belongs to it.
    const delimiter = encode(`\r\n--${boundary}`);
    input.prepend(CRLF);
    if (!(await input.skipExactly(delimiter))) throw malformed("it does not begin with its boundary");
    while (!(await isClosing(input))) {
      const header = await input.takeUntil(HEADERS_END, HEADER_MAX_BYTES);
      if (!header) throw malformed(`the header of a part is cut off or has more than ${HEADER_MAX_BYTES} bytes`);
      const content = input.until(delimiter);
      yield { name: partName(header), content };
      await skip(content);
    }
  } finally {
    await input.close();
  }
}

async function skip(content: AsyncGenerator<Uint8Array>): Promise<void> {
  while (!(await content.next()).done);
}

/** After a boundary: `--` closes the form, a line break opens a part. */
async function isClosing(input: FormInput): Promise<boolean> {
  const two = await input.take(2);
  if (two?.[0] === DASH && two[1] === DASH) return true;
  if (two?.[0] === CRLF[0] && two?.[1] === CRLF[1]) return false;
  throw malformed("a boundary is followed by something else than a line break");
}

function partName(header: Uint8Array): string {
  try {
    return readPartName(header);
  } catch (cause) {
    if (cause instanceof PartHeaderError) throw malformed(cause.message);
    throw cause;
  }
}

function malformed(what: string): PlatformError {
  return new PlatformError("REQUEST_INVALID", `The multipart form is malformed: ${what}.`);
}

/** Bytes of the body with as many held back as a boundary that has begun may need. */
class FormInput {
  readonly #source: AsyncIterator<Uint8Array>;
  #held: Uint8Array = new Uint8Array(0);

  constructor(body: AsyncIterable<Uint8Array>) {
    this.#source = body[Symbol.asyncIterator]();
  }

  prepend(bytes: Uint8Array): void {
    this.#held = join(bytes, this.#held);
  }

  async take(count: number): Promise<Uint8Array | undefined> {
    while (this.#held.length < count) if (!(await this.#more())) return undefined;
    return this.#consume(count);
  }

  async skipExactly(expected: Uint8Array): Promise<boolean> {
    const bytes = await this.take(expected.length);
    return bytes !== undefined && expected.every((byte, index) => byte === bytes[index]);
  }

  /** What comes before `end`, which is dropped; undefined where it does not come within `maximum` bytes. */
  async takeUntil(end: Uint8Array, maximum: number): Promise<Uint8Array | undefined> {
    for (;;) {
      const at = indexOf(this.#held, end);
      if (at >= 0 && at <= maximum) {
        const bytes = this.#consume(at);
        this.#consume(end.length);
        return bytes;
      }
      if (at >= 0 || this.#held.length > maximum + end.length || !(await this.#more())) return undefined;
    }
  }

  /** Pieces of what comes before `delimiter`, which is dropped. */
  async *until(delimiter: Uint8Array): AsyncGenerator<Uint8Array> {
    for (;;) {
      const at = indexOf(this.#held, delimiter);
      if (at >= 0) {
        const last = this.#consume(at);
        this.#consume(delimiter.length);
        if (last.length > 0) yield last;
        return;
      }
      const safe = this.#held.length - (delimiter.length - 1);
      if (safe > 0) yield this.#consume(safe);
      if (!(await this.#more())) throw malformed("it ends inside a part");
    }
  }

  async close(): Promise<void> {
    await this.#source.return?.();
  }

  #consume(count: number): Uint8Array {
    const bytes = this.#held.subarray(0, count);
    this.#held = this.#held.subarray(count);
    return bytes;
  }

  async #more(): Promise<boolean> {
    const next = await this.#source.next();
    if (next.done) return false;
    this.#held = this.#held.length === 0 ? next.value : join(this.#held, next.value);
    return true;
  }
}

function join(a: Uint8Array, b: Uint8Array): Uint8Array {
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a, 0);
  joined.set(b, a.length);
  return joined;
}

/** First place of `needle`, or -1. The search for its first byte is the engine's own. */
function indexOf(bytes: Uint8Array, needle: Uint8Array): number {
  const first = needle[0] ?? 0;
  for (let at = bytes.indexOf(first); at >= 0; at = bytes.indexOf(first, at + 1)) {
    if (at + needle.length > bytes.length) return -1;
    let matched = 1;
    while (matched < needle.length && bytes[at + matched] === needle[matched]) matched++;
    if (matched === needle.length) return at;
  }
  return -1;
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
