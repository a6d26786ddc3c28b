import type { GenericSchema, InferOutput } from "valibot";
import { PlatformError } from "../../sdk/contract/errors.ts";
import { readLimitedBody } from "./limited-body.ts";
import { validate } from "./validation.ts";

/** Largest JSON body that the registry reads, in bytes. Routes that take more read their request themselves. */
export const JSON_BODY_LIMIT = 1024 * 1024;

const JSON_TYPE = /^application\/(?:[\w.!#$&^-]+\+)?json\s*(?:;|$)/i;

/**
 * A JSON request body, validated. A request without a body is validated as `undefined`, so that a schema may make it
 * optional; its content type then does not matter.
 *
 * @throws {PlatformError} MEDIA_TYPE_UNSUPPORTED, INPUT_TOO_LARGE, BODY_UNREADABLE, REQUEST_INVALID
 */
export async function readJsonBody<S extends GenericSchema>(request: Request, schema: S): Promise<InferOutput<S>> {
  const type = request.headers.get("content-type");
  if (type !== null && !JSON_TYPE.test(type)) throw unsupported(`"${type.slice(0, 100)}"`);
  const bytes = await readLimitedBody(request, JSON_BODY_LIMIT, "INPUT_TOO_LARGE", "jsonBody");
  if (bytes.byteLength === 0) return validate(schema, undefined, "body");
  if (type === null) throw unsupported("a body without a content type");
  return parseJsonBody(schema, bytes);
}

/** @throws {PlatformError} BODY_UNREADABLE where the bytes are not JSON in UTF-8 (RFC 8259 §8.1), REQUEST_INVALID */
export function parseJsonBody<S extends GenericSchema>(schema: S, bytes: Uint8Array): InferOutput<S> {
  return validate(schema, parseJson(decodeText(bytes)), "body");
}

function decodeText(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes);
  } catch (cause) {
    throw new PlatformError("BODY_UNREADABLE", "The body is not text in UTF-8.", { cause });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new PlatformError("BODY_UNREADABLE", "The body is not valid JSON.", { cause });
  }
}

function unsupported(found: string): PlatformError {
  return new PlatformError("MEDIA_TYPE_UNSUPPORTED", `The body must be application/json, not ${found}.`);
}
