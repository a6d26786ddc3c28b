/**
 * Signature of webhooks that plugins send, after the Standard Webhooks specification 1.0.0
 * (https://github.com/standard-webhooks/standard-webhooks): HMAC-SHA256 (RFC 2104) of `<id>.<seconds>.<body>`, in base64 and
 * marked `v1,`; several, one for each secret in use, are separated by spaces.
 */

export const STANDARD_HEADERS = {
  id: "webhook-id",
  timestamp: "webhook-timestamp",
  signature: "webhook-signature",
} as const;
/** How old or early a signature may be, in seconds. */
export const STANDARD_TOLERANCE = 300;
const SECRET_PREFIX = "whsec_";
const SECRET_BYTES = 32;

/** A new secret as both sides keep it. @param randomBytes  must be cryptographic */
export function newStandardSecret(randomBytes: (length: number) => Uint8Array): string {
  return SECRET_PREFIX + base64(randomBytes(SECRET_BYTES));
}

/**
 * The headers of one request.
 *
 * @param secrets  as {@link newStandardSecret} makes them; each signs
 * @param seconds  since the epoch
 */
export async function standardHeaders(
  secrets: readonly string[],
  id: string,
  seconds: number,
  body: Uint8Array,
): Promise<Record<string, string>> {
  const content = signedContent(id, String(seconds), body);
  const signatures = secrets.map(async (secret) => {
    const key = await hmacKey(secretBytes(secret), "SHA-256", "sign");
    return `v1,${base64(new Uint8Array(await crypto.subtle.sign("HMAC", key, content)))}`;
  });
  return {
    [STANDARD_HEADERS.id]: id,
    [STANDARD_HEADERS.timestamp]: String(seconds),
    [STANDARD_HEADERS.signature]: (await Promise.all(signatures)).join(" "),
  };
}

/** What is signed. */
export function signedContent(id: string, seconds: string, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const head = new TextEncoder().encode(`${id}.${seconds}.`);
  const content = new Uint8Array(head.byteLength + body.byteLength);
  content.set(head);
  content.set(body, head.byteLength);
  return content;
}

/** Bytes of a secret: base64 after `whsec_`, the text itself where it is neither. */
export function secretBytes(secret: string): Uint8Array<ArrayBuffer> {
  if (!secret.startsWith(SECRET_PREFIX)) return Uint8Array.from(new TextEncoder().encode(secret));
  const encoded = secret.slice(SECRET_PREFIX.length);
  try {
    return Uint8Array.from(atob(encoded), (character) => character.charCodeAt(0));
  } catch {
    return Uint8Array.from(new TextEncoder().encode(encoded));
  }
}

export function hmacKey(secret: Uint8Array<ArrayBuffer>, hash: string, use: "sign" | "verify"): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", secret, { name: "HMAC", hash }, false, [use]);
}

function base64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}
