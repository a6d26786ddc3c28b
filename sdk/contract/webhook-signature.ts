/**
 * Signature of webhooks: `Patchbay-Signature: t=<seconds>,v1=<hex>`, where the second part is HMAC-SHA256 (RFC 2104) of
 * `<seconds>.<body>` under the webhook's secret. The time is signed, so that a request recorded elsewhere is good for a few
 * minutes only.
 */

export const SIGNATURE_HEADER = "patchbay-signature";
/** How old a signature may be, in seconds. */
export const SIGNATURE_TOLERANCE = 300;

/** @param seconds  since the epoch */
export async function signWebhook(secret: string, seconds: number, body: string): Promise<string> {
  const key = await importKey(secret, "sign");
  const digest = await crypto.subtle.sign("HMAC", key, signedText(seconds, body));
  return `t=${seconds},v1=${Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/**
 * True where the body came from Patchbay and is not old. For those who receive webhooks: give the body as it was received,
 * before it is parsed.
 *
 * @param header     value of {@link SIGNATURE_HEADER}
 * @param seconds    now, since the epoch
 * @param tolerance  seconds that the signature may be off
 */
export async function verifyWebhook(
  secret: string,
  header: string,
  body: string,
  seconds: number,
  tolerance: number = SIGNATURE_TOLERANCE,
): Promise<boolean> {
  const { time, digest } = /^t=(?<time>\d{1,12}),v1=(?<digest>[0-9a-f]{64})$/.exec(header)?.groups ?? {};
  if (time === undefined || digest === undefined || Math.abs(seconds - Number(time)) > tolerance) return false;
  const bytes = Uint8Array.from(digest.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  return crypto.subtle.verify("HMAC", await importKey(secret, "verify"), bytes, signedText(Number(time), body));
}

function importKey(secret: string, use: "sign" | "verify"): Promise<CryptoKey> {
  const bytes = Uint8Array.from(new TextEncoder().encode(secret));
  return crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, [use]);
}

function signedText(seconds: number, body: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(new TextEncoder().encode(`${seconds}.${body}`));
}
