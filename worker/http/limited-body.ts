import { PlatformError, type ErrorCode } from "../../sdk/contract/errors.ts";

/**
 * Reads a request's body whole, never holding more than the limit plus one chunk.
 *
 * @param limit  bytes
 * @param code   what to answer past the limit
 * @param name   of the limit, for the problem's `limit` member
 * @returns the bytes; empty where the request has no body
 * @throws {PlatformError} `code` past the limit, BODY_UNREADABLE where the body breaks off
 */
export async function readLimitedBody(
  request: Request,
  limit: number,
  code: ErrorCode,
  name: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const declared = Number(request.headers.get("content-length") ?? 0);
  if (declared > limit) throw tooLarge(code, name, declared, limit);
  if (!request.body) return new Uint8Array();
  const reader = request.body.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await readChunk(reader);
    if (done) return join(chunks, length);
    length += value.byteLength;
    if (length > limit) {
      await reader.cancel();
      throw tooLarge(code, name, length, limit);
    }
    chunks.push(value);
  }
}

async function readChunk(reader: ReadableStreamDefaultReader<Uint8Array>) {
  try {
    return await reader.read();
  } catch (cause) {
    throw new PlatformError("BODY_UNREADABLE", "The body broke off before its end.", { cause });
  }
}

function join(chunks: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return whole;
}

function tooLarge(code: ErrorCode, name: string, used: number, allowed: number): PlatformError {
  return new PlatformError(code, `The body has at least ${used} bytes; ${name} allows ${allowed}.`, {
    limit: { name, used, allowed },
  });
}
