import * as v from "valibot";

/** Kinds of keys the platform holds for installs. Pure. */

/** How a key is made, and how WebCrypto takes it. */
interface KeyKindSpec {
  readonly use: "sign" | "encrypt";
  readonly algorithm: { readonly name: string; readonly hash?: string; readonly namedCurve?: string };
  /** Secret keys are bytes; of a pair the private half is PKCS #8 (RFC 5208) and the public one a JWK (RFC 7517). */
  readonly isPair: boolean;
}

export const KEY_KINDS = {
  /** RFC 2104 */
  "hmac-sha256": { use: "sign", algorithm: { name: "HMAC", hash: "SHA-256" }, isPair: false },
  /** NIST SP 800-38D */
  "aes-256-gcm": { use: "encrypt", algorithm: { name: "AES-GCM" }, isPair: false },
  /** RFC 8032 */
  ed25519: { use: "sign", algorithm: { name: "Ed25519" }, isPair: true },
  /** FIPS 186-5 with SHA-256; signatures are r and s of 32 bytes each, as in JWS (RFC 7518 §3.4) */
  "ecdsa-p256": { use: "sign", algorithm: { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" }, isPair: true },
} as const satisfies Record<string, KeyKindSpec>;

export type KeyKind = keyof typeof KEY_KINDS;
export const KeyKindSchema = v.picklist(
  Object.keys(KEY_KINDS) as KeyKind[], // Object.keys loses the key type
  `must be one of ${Object.keys(KEY_KINDS).join(", ")}`,
);

export function keyKind(kind: KeyKind): KeyKindSpec {
  return KEY_KINDS[kind];
}

/** Bytes of a secret key. */
export const SECRET_KEY_BYTES = 32;

export const KeyName = v.pipe(
  v.string("must be text"),
  v.regex(/^[A-Za-z0-9._-]{1,64}$/, "must be 1 to 64 letters, digits, dots, - or _"),
);

/** Bytes as a request carries them. */
export const Base64Bytes = v.pipe(
  v.string("must be text"),
  v.base64("must be base64"),
  v.transform((text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0))),
);

/** A public key (RFC 8037 §2, RFC 7518 §6.2); what it may hold beside these, such as a private part, is ignored. */
export const PublicJwk = v.variant("kty", [
  v.object({ kty: v.literal("OKP"), crv: v.literal("Ed25519"), x: v.string() }),
  v.object({ kty: v.literal("EC"), crv: v.literal("P-256"), x: v.string(), y: v.string() }),
]);
export type PublicKey = v.InferOutput<typeof PublicJwk>;

export function kindOfPublicKey({ kty }: PublicKey): KeyKind {
  return kty === "OKP" ? "ed25519" : "ecdsa-p256";
}
