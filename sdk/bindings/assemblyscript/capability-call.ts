import { JSON } from "json-as";
import { readBytes, takeText, writeBytes, writeText } from "./memory";
import { freeBlock } from "./abi";
import { callBody } from "./user-functions";

/**
 * Why the platform refused a capability call, or failed at it. `code` is one of the platform's error codes (docs/errors.md), such as
 * `GRANT_MISSING` or `CAPABILITY_QUOTA_EXCEEDED`.
 */
@json
export class CapabilityError {
  code: string = "";
  message: string = "";
}

/**
 * What came of a capability call. AssemblyScript cannot catch: where `error` is set the plugin may go on without, and whoever reads
 * `value`, `body` or `text` nevertheless ends the call with the refusal as its error, for which the plugin is not blamed.
 */
export class Answer<T> {
  /** Null where the call did what was asked. */
  readonly error: CapabilityError | null;
  private given: T | null;
  private bytes: ArrayBuffer;

  constructor(given: T | null, bytes: ArrayBuffer, error: CapabilityError | null) {
    this.given = given;
    this.bytes = bytes;
    this.error = error;
  }

  /** Throws `CODE: message` where the call was refused. */
  get value(): T {
    return this.orThrow();
  }

  /** Bytes that came with the answer; empty where none did. Throws as `value` does. */
  get body(): ArrayBuffer {
    this.orThrow();
    return this.bytes;
  }

  /** The bytes as UTF-8. Throws as `value` does. */
  get text(): string {
    return String.UTF8.decode(this.body);
  }

  /** `value`, for a call that is made for what it does: `storage.setText("key", "value").orThrow()`. */
  orThrow(): T {
    const error = this.error;
    if (error !== null) throw new Error(error.code + ": " + error.message);
    return this.given!;
  }
}

const VALUE = '{"value":';
const ERROR = '{"error":';
const NO_BYTES = new ArrayBuffer(0);

/** A new block with a request as JSON. The host frees it. */
export function requestBlock<Request>(request: Request): u64 {
  return writeText(JSON.stringify<Request>(request));
}

/** A new block with content, 0 for none. The host frees it. */
export function contentBlock(content: ArrayBuffer | null): u64 {
  return content === null ? 0 : writeBytes(content);
}

/**
 * Reads and frees an answer.
 *
 * @param handle  what the capability function gave
 */
export function answered<T>(handle: u64): Answer<T> {
  if (handle == 0) return refused<T>("KERNEL_MEMORY_EXCEEDED", "The answer does not fit into the memory.");
  const text = takeText(handle);
  if (text.startsWith(VALUE)) {
    return new Answer<T>(JSON.parse<T>(text.substring(VALUE.length, text.length - 1)), NO_BYTES, null);
  }
  const error = JSON.parse<CapabilityError>(text.substring(ERROR.length, text.length - 1));
  return new Answer<T>(null, NO_BYTES, error);
}

/** As `answered`, with the bytes that came with it, which are there until the next capability call. */
export function answeredWithBody<T>(handle: u64): Answer<T> {
  const answer = answered<T>(handle);
  if (answer.error !== null) return answer;
  const block = callBody();
  if (block == 0) return answer;
  const bytes = readBytes(block);
  freeBlock(block);
  return new Answer<T>(answer.value, bytes, null);
}

function refused<T>(code: string, message: string): Answer<T> {
  const error = new CapabilityError();
  error.code = code;
  error.message = message;
  return new Answer<T>(null, NO_BYTES, error);
}
