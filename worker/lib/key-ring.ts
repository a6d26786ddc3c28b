import * as v from "valibot";
import { PlatformError, type ErrorCode } from "../../sdk/contract/errors.ts";

/** Bytes of an AES-256 key. */
const KEY_BYTES = 32;

const keyId = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{1,32}$/, "must be 1 to 32 letters, digits, - or _"));
const keyBytes = v.pipe(
  v.string(),
  v.base64("must be base64"),
  v.transform((text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0))),
  v.check((bytes) => bytes.length === KEY_BYTES, `must have ${KEY_BYTES} bytes`),
);

const KeyRingSecret = v.pipe(
  v.string(),
  v.parseJson(),
  v.strictObject({ current: keyId, keys: v.record(keyId, keyBytes) }),
  v.check(({ current, keys }) => Object.hasOwn(keys, current), "current must name one of keys"),
);

/** Keys by id. Those that are no longer current stay in the ring until nothing that they sealed is needed any more. */
export interface KeyRing {
  /** Id of the key that seals what is new. */
  readonly current: string;
  readonly keys: Readonly<Record<string, Uint8Array<ArrayBuffer>>>;
}

/**
 * Reads a secret such as `{"current":"k2","keys":{"k1":"<base64>","k2":"<base64>"}}`.
 *
 * @param binding  name of the secret, for the error
 * @throws {PlatformError} NOT_READY, naming each place that is wrong, never its value
 */
export function parseKeyRing(binding: string, secret: string | undefined): KeyRing {
  const result = v.safeParse(KeyRingSecret, secret);
  if (result.success) return result.output;
  // A key's id is part of the path; messages of the schema itself would quote what was found.
  const places = [...new Set(result.issues.map((issue) => v.getDotPath(issue) ?? "the whole"))].join(", ");
  throw new PlatformError("NOT_READY", `${binding} is not valid at: ${places}.`);
}

/**
 * @param unknown  what it means that the key is not there
 * @throws {PlatformError}
 */
export function keyOf(
  ring: KeyRing,
  id: string,
  unknown: { readonly code: ErrorCode; readonly what: string },
): Uint8Array<ArrayBuffer> {
  const key = Object.hasOwn(ring.keys, id) ? ring.keys[id] : undefined;
  if (key) return key;
  throw new PlatformError(unknown.code, `${unknown.what} was sealed with key "${id}", which is not there.`);
}
