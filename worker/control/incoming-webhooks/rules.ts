import {
  hmacKey,
  secretBytes,
  signedContent,
  STANDARD_HEADERS,
  STANDARD_TOLERANCE,
} from "../../../sdk/contract/standard-webhooks.ts";
import type { IncomingWebhook } from "../../execution/snapshot.ts";
import { toHex } from "../../lib/hex.ts";

/** Whether a webhook comes from who shares its secret. */

const GITHUB_HEADER = "x-hub-signature-256";
/** Signatures of one request that are tried: a sender that changes secrets signs with a few. */
const MOST_SIGNATURES = 8;
const HMAC_BYTES = 32;
const STANDARD_ID = /^[\x21-\x7e]{1,255}$/;

/**
 * Verifies the signature over the body as it was received: Standard Webhooks 1.0.0, GitHub's
 * (https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries), or HMAC-SHA256 (RFC 2104) of the body in a
 * header, in hex or base64, with or without `sha256=` before it. Comparison takes the same time wherever signatures differ.
 *
 * @param secret   text that both sides share; absent where none is set, which nothing verifies against
 * @param seconds  now, since the epoch
 * @returns what the delivery is known by, which is signed or the signature itself; undefined where the request is not verified
 */
export async function verifiedId(
  webhook: IncomingWebhook,
  secret: string | undefined,
  headers: Headers,
  body: Uint8Array<ArrayBuffer>,
  seconds: number,
): Promise<string | undefined> {
  if (!secret) return undefined;
  if (webhook.scheme === "standard") {
    const tolerance = webhook.toleranceSeconds ?? STANDARD_TOLERANCE;
    return verifyStandard(secretBytes(secret), headers, body, seconds, tolerance);
  }
  const given = headers.get(webhook.scheme === "github" ? GITHUB_HEADER : (webhook.header ?? "")) ?? "";
  const signature = webhook.scheme === "github" && !given.startsWith("sha256=") ? undefined : readSignature(given);
  if (!signature) return undefined;
  const key = await hmacKey(Uint8Array.from(new TextEncoder().encode(secret)), "SHA-256", "verify");
  // One signature has several spellings, and all of them are one delivery.
  return (await crypto.subtle.verify("HMAC", key, signature, body)) ? toHex(signature) : undefined;
}

async function verifyStandard(
  secret: Uint8Array<ArrayBuffer>,
  headers: Headers,
  body: Uint8Array,
  seconds: number,
  tolerance: number,
): Promise<string | undefined> {
  const id = headers.get(STANDARD_HEADERS.id) ?? "";
  const time = headers.get(STANDARD_HEADERS.timestamp) ?? "";
  if (secret.byteLength === 0 || !STANDARD_ID.test(id) || !/^\d{1,12}$/.test(time)) return undefined;
  if (Math.abs(seconds - Number(time)) > tolerance) return undefined;
  const given = (headers.get(STANDARD_HEADERS.signature) ?? "").split(" ", MOST_SIGNATURES);
  const key = await hmacKey(secret, "SHA-256", "verify");
  const content = signedContent(id, time, body);
  const checks = given.map(async (text) => {
    const signature = text.startsWith("v1,") ? decodeBase64(text.slice("v1,".length)) : undefined;
    return signature !== undefined && (await crypto.subtle.verify("HMAC", key, signature, content));
  });
  return (await Promise.all(checks)).includes(true) ? id : undefined;
}

function readSignature(header: string): Uint8Array<ArrayBuffer> | undefined {
  const text = header.replace(/^sha256=/, "");
  if (!/^[0-9A-Fa-f]{64}$/.test(text)) return decodeBase64(text);
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

function decodeBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (!/^[A-Za-z0-9+/]{43}=$/.test(text)) return undefined;
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  return bytes.byteLength === HMAC_BYTES ? bytes : undefined;
}
