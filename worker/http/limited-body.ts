import { PlatformError, type ErrorCode } from "../../sdk/contract/errors.ts";

/**
 * Reads a body into memory, refusing it as soon as it is too large.
 *
 * @param allowed  largest size in bytes
 * @param code     error that reports the excess
 * @param name     limit's name in the error
 */
export async function readLimitedBody(
  request: Request,
  allowed: number,
  code: ErrorCode,
  name: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const declared = Number(request.headers.get("content-length") ?? 0);
  if (declared > allowed) throw tooLarge(code, name, declared, allowed);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.byteLength;
    if (size > allowed) throw tooLarge(code, name, size, allowed);
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
}

function tooLarge(code: ErrorCode, name: string, used: number, allowed: number): PlatformError {
  return new PlatformError(code, `The body has at least ${used} bytes; ${name} allows ${allowed}.`, {
    limit: { name, used, allowed },
  });
}
