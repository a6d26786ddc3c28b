import { capabilityFunction, type Content } from "../capability-call.ts";

export type DigestAlgorithm = "sha256" | "sha384" | "sha512";
export type KeyKind = "hmac-sha256" | "ed25519" | "ecdsa-p256" | "aes-256-gcm";

export interface KeyHead {
  readonly name: string;
  readonly kind: KeyKind;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** JWK of a pair's public half. */
  readonly publicKey?: Readonly<Record<string, unknown>>;
}

export interface Digest {
  readonly hex: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** What a signature is checked with: a key of the install, a public key as JWK, or a shared secret in Base64. */
export type VerifyWith =
  | { readonly key: string }
  | { readonly publicKey: Readonly<Record<string, unknown>> }
  | { readonly secret: string; readonly algorithm?: DigestAlgorithm };

const digest = capabilityFunction<{ algorithm: DigestAlgorithm }, { hex: string }>("crypto_digest");
const hmac = capabilityFunction<{ secret: string; algorithm?: DigestAlgorithm }, { hex: string }>("crypto_hmac");
const create = capabilityFunction<{ name: string; kind: KeyKind }, KeyHead & { created: boolean }>("crypto_key_create");
const get = capabilityFunction<{ name: string }, { found: boolean } & KeyHead>("crypto_key_get");
const list = capabilityFunction<object, { keys: KeyHead[] }>("crypto_key_list");
const remove = capabilityFunction<{ name: string }, { deleted: boolean }>("crypto_key_delete");
const sign = capabilityFunction<{ key: string }, { kind: KeyKind }>("crypto_sign");
const verify = capabilityFunction<VerifyWith & { signature: string }, { valid: boolean }>("crypto_verify");
const encrypt = capabilityFunction<{ key: string; additionalData?: string }, object>("crypto_encrypt");
const decrypt = capabilityFunction<{ key: string; additionalData?: string }, object>("crypto_decrypt");

const random = capabilityFunction<{ bytes: number }, object>("crypto_random");

/** Digests, signatures and encryption, with keys that the platform holds. Every function throws CapabilityError where it is refused. */
export const keys = {
  async digest(algorithm: DigestAlgorithm, content: Content): Promise<Digest> {
    const answer = digest({ algorithm }, content);
    return { hex: answer.value.hex, bytes: answer.body() };
  },

  /** @param secret  Base64 */
  async hmac(secret: string, content: Content, algorithm: DigestAlgorithm = "sha256"): Promise<Digest> {
    const answer = hmac({ secret, algorithm }, content);
    return { hex: answer.value.hex, bytes: answer.body() };
  },

  /** Bytes of the platform's own source; those of `crypto.getRandomValues` cost no call. At most 65,536. */
  async random(bytes: number): Promise<Uint8Array<ArrayBuffer>> {
    return random({ bytes }).body();
  },

  /** Makes a key where there is none of the name; `created` says whether there was. */
  async create(name: string, kind: KeyKind): Promise<KeyHead & { readonly created: boolean }> {
    return create({ name, kind }).value;
  },

  async get(name: string): Promise<KeyHead | undefined> {
    const { found, ...key } = get({ name }).value;
    return found ? key : undefined;
  },

  async list(): Promise<readonly KeyHead[]> {
    return list({}).value.keys;
  },

  async delete(name: string): Promise<boolean> {
    return remove({ name }).value.deleted;
  },

  async sign(key: string, content: Content): Promise<Uint8Array<ArrayBuffer>> {
    return sign({ key }, content).body();
  },

  /** @param signature  Base64 */
  async verify(content: Content, signature: string, using: VerifyWith): Promise<boolean> {
    return verify({ ...using, signature }, content).value.valid;
  },

  /** @param additionalData  Base64 */
  async encrypt(key: string, content: Content, additionalData?: string): Promise<Uint8Array<ArrayBuffer>> {
    return encrypt({ key, ...(additionalData === undefined ? {} : { additionalData }) }, content).body();
  },

  async decrypt(key: string, sealed: Uint8Array, additionalData?: string): Promise<Uint8Array<ArrayBuffer>> {
    return decrypt({ key, ...(additionalData === undefined ? {} : { additionalData }) }, sealed).body();
  },
};
