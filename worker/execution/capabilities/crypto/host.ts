import * as v from "valibot";
import { PlatformError } from "../../../../sdk/contract/errors.ts";
import { hostCall, type HostContext } from "../capability.ts";
import { Base64Bytes, keyKind, KeyName, kindOfPublicKey, PublicJwk, type PublicKey } from "./key-rules.ts";
import { importKey, requireKey } from "./key-store.ts";

/** `crypto_*`: the platform's WebCrypto for plugins. Every comparison of a signature is WebCrypto's own, in constant time. */

const ALGORITHMS = { sha256: "SHA-256", sha384: "SHA-384", sha512: "SHA-512" } as const;
const Algorithm = v.picklist(
  Object.keys(ALGORITHMS) as (keyof typeof ALGORITHMS)[], // Object.keys loses the key type
  `must be one of ${Object.keys(ALGORITHMS).join(", ")}`,
);
const MOST_RANDOM_BYTES = 64 * 1024;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Ed25519 (RFC 8032 §5.1.6) and ECDSA P-256 alike. */
const PAIR_SIGNATURE_BYTES = 64;

const Secret = v.pipe(
  Base64Bytes,
  v.minLength(1, "must not be empty"),
  v.maxLength(1024, "must have at most 1024 bytes"),
);

/** `crypto_digest`: the digest of the body (FIPS 180-4), in hexadecimal and as the answer's bytes. */
export const cryptoDigest = hostCall(
  "crypto",
  v.strictObject({ algorithm: Algorithm }),
  async ({ quotas }, { algorithm }, body = new Uint8Array()) => {
    quotas.take("crypto", "operations");
    return bytesAndHex(await crypto.subtle.digest(ALGORITHMS[algorithm], body));
  },
);

/** `crypto_hmac`: HMAC (RFC 2104) of the body under a secret that the plugin has itself, such as one of its configuration. */
export const cryptoHmac = hostCall(
  "crypto",
  v.strictObject({ algorithm: v.optional(Algorithm, "sha256"), secret: Secret }),
  async ({ quotas }, { algorithm, secret }, body = new Uint8Array()) => {
    quotas.take("crypto", "operations");
    const key = await hmacKey(secret, ALGORITHMS[algorithm], "sign");
    return bytesAndHex(await crypto.subtle.sign("HMAC", key, body));
  },
);

/** `crypto_random`: so many bytes of the platform's cryptographic source. */
export const cryptoRandom = hostCall(
  "crypto",
  v.strictObject({
    bytes: v.pipe(
      v.number("must be a number"),
      v.integer("must be whole"),
      v.minValue(1, "must be 1 or more"),
      v.maxValue(MOST_RANDOM_BYTES, `must be at most ${MOST_RANDOM_BYTES}`),
    ),
  }),
  ({ quotas, services }, { bytes }) => {
    quotas.take("crypto", "operations");
    return Promise.resolve({ value: { bytes }, body: services.randomBytes(bytes) });
  },
);

/** `crypto_sign`: signs the body with a key of the install. */
export const cryptoSign = hostCall(
  "crypto",
  v.strictObject({ key: KeyName }),
  async (context, { key: name }, body = new Uint8Array()) => {
    context.quotas.take("crypto", "operations");
    const key = await requireKey(context, name, "sign");
    const signature = await crypto.subtle.sign(keyKind(key.kind).algorithm, await importKey(key, "sign"), body);
    return { value: { kind: key.kind }, body: new Uint8Array(signature) };
  },
);

/** `crypto_verify`: whether a signature of the body is right, under a key of the install, a public key, or a shared secret. */
export const cryptoVerify = hostCall(
  "crypto",
  v.pipe(
    v.strictObject({
      key: v.optional(KeyName),
      publicKey: v.optional(PublicJwk),
      secret: v.optional(Secret),
      algorithm: v.optional(Algorithm, "sha256"),
      signature: Base64Bytes,
    }),
    v.check(
      ({ key, publicKey, secret }) => [key, publicKey, secret].filter((one) => one !== undefined).length === 1,
      "exactly one of key, publicKey and secret must be given",
    ),
  ),
  async (context, { key, publicKey, secret, algorithm, signature }, body = new Uint8Array()) => {
    context.quotas.take("crypto", "operations");
    const use = await verifying(context, { key, publicKey, secret, hash: ALGORITHMS[algorithm] });
    // A pair's signatures have one length, which is no secret; WebCrypto fails for others instead of answering.
    const isPossible = use.key.type === "secret" || signature.byteLength === PAIR_SIGNATURE_BYTES;
    const valid = isPossible && (await crypto.subtle.verify(use.algorithm, use.key, signature, body));
    return { value: { valid } };
  },
);

const Encryption = v.strictObject({ key: KeyName, additionalData: v.optional(Base64Bytes) });

/** `crypto_encrypt`: AES-256-GCM of the body; the answer's bytes are nonce, content and tag. */
export const cryptoEncrypt = hostCall("crypto", Encryption, async (context, request, body = new Uint8Array()) => {
  context.quotas.take("crypto", "operations");
  const key = await importKey(await requireKey(context, request.key, "encrypt"), "encrypt");
  const nonce = context.services.randomBytes(NONCE_BYTES);
  const content = new Uint8Array(await crypto.subtle.encrypt(gcm(nonce, request.additionalData), key, body));
  const sealed = new Uint8Array(NONCE_BYTES + content.byteLength);
  sealed.set(nonce);
  sealed.set(content, NONCE_BYTES);
  return { value: {}, body: sealed };
});

/** `crypto_decrypt`: what `crypto_encrypt` answered, under the same key and additional data. */
export const cryptoDecrypt = hostCall("crypto", Encryption, async (context, request, body = new Uint8Array()) => {
  context.quotas.take("crypto", "operations");
  const key = await importKey(await requireKey(context, request.key, "encrypt"), "decrypt");
  if (body.byteLength < NONCE_BYTES + TAG_BYTES) throw undecryptable();
  const nonce = body.subarray(0, NONCE_BYTES);
  try {
    const content = body.subarray(NONCE_BYTES);
    return {
      value: {},
      body: new Uint8Array(await crypto.subtle.decrypt(gcm(nonce, request.additionalData), key, content)),
    };
  } catch (cause) {
    throw undecryptable(cause);
  }
});

function gcm(iv: Uint8Array, additionalData: Uint8Array | undefined) {
  return { name: "AES-GCM", iv, ...(additionalData ? { additionalData } : {}) };
}

function undecryptable(cause?: unknown): PlatformError {
  const detail = "body: it was not encrypted with this key and additional data, or was changed since";
  return new PlatformError("HOST_REQUEST_INVALID", detail, { cause });
}

interface VerifyingKey {
  readonly key: string | undefined;
  readonly publicKey: PublicKey | undefined;
  readonly secret: Uint8Array | undefined;
  /** Of the HMAC under a secret. */
  readonly hash: string;
}

async function verifying(context: HostContext, { key, publicKey, secret, hash }: VerifyingKey) {
  if (secret) return { algorithm: { name: "HMAC" }, key: await hmacKey(secret, hash, "verify") };
  if (publicKey) return publicVerifying(publicKey);
  const stored = await requireKey(context, key ?? "", "sign");
  if (stored.publicKey) return publicVerifying(stored.publicKey);
  return { algorithm: keyKind(stored.kind).algorithm, key: await importKey(stored, "verify") };
}

async function publicVerifying(publicKey: PublicKey) {
  const { algorithm } = keyKind(kindOfPublicKey(publicKey));
  try {
    return { algorithm, key: await crypto.subtle.importKey("jwk", publicKey, algorithm, false, ["verify"]) };
  } catch (cause) {
    throw new PlatformError("HOST_REQUEST_INVALID", "publicKey: it is not a point of its curve", { cause });
  }
}

function hmacKey(secret: Uint8Array, hash: string, use: "sign" | "verify"): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", secret, { name: "HMAC", hash }, false, [use]);
}

function bytesAndHex(buffer: ArrayBuffer) {
  const bytes = new Uint8Array(buffer);
  return { value: { hex: bytes.toHex() }, body: bytes };
}
