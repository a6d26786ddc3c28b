import { PlatformError } from "../../../sdk/contract/errors.ts";

/**
 * Envelope encryption (AES-256-GCM, NIST SP 800-38D): each recording has a key of its own, and only that key is encrypted
 * with the ring's, so a ring key never encrypts content and few enough messages for random nonces. Layout:
 * nonce 12 | encrypted key 32 + tag 16 | nonce 12 | encrypted content + tag 16.
 */
const NONCE_BYTES = 12;
const KEY_BYTES = 32;
const TAG_BYTES = 16;
const WRAPPED_END = NONCE_BYTES + KEY_BYTES + TAG_BYTES;
const CONTENT_START = WRAPPED_END + NONCE_BYTES;

/** Whose recording it is: authenticated with the content, so that an object moved elsewhere cannot be opened there. */
export interface Owner {
  readonly tenantId: string;
  readonly executionId: string;
}

/** @param randomBytes  source of key and nonces; must be cryptographic */
export async function seal(
  content: Uint8Array<ArrayBuffer>,
  ringKey: Uint8Array<ArrayBuffer>,
  owner: Owner,
  randomBytes: (length: number) => Uint8Array,
): Promise<Uint8Array<ArrayBuffer>> {
  const [contentKey, wrapNonce, nonce] = [
    Uint8Array.from(randomBytes(KEY_BYTES)),
    Uint8Array.from(randomBytes(NONCE_BYTES)),
    Uint8Array.from(randomBytes(NONCE_BYTES)),
  ];
  const additionalData = additionalDataOf(owner);
  const wrapped = await encrypt(ringKey, wrapNonce, additionalData, contentKey);
  const encrypted = await encrypt(contentKey, nonce, additionalData, content);
  const sealed = new Uint8Array(CONTENT_START + encrypted.length);
  sealed.set(wrapNonce, 0);
  sealed.set(wrapped, NONCE_BYTES);
  sealed.set(nonce, WRAPPED_END);
  sealed.set(encrypted, CONTENT_START);
  return sealed;
}

/** @throws {PlatformError} RECORDING_UNREADABLE where a byte, the owner or the key is another than when it was sealed */
export async function open(
  sealed: Uint8Array<ArrayBuffer>,
  ringKey: Uint8Array<ArrayBuffer>,
  owner: Owner,
): Promise<Uint8Array<ArrayBuffer>> {
  const additionalData = additionalDataOf(owner);
  try {
    const wrapped = sealed.subarray(NONCE_BYTES, WRAPPED_END);
    const contentKey = await decrypt(ringKey, sealed.subarray(0, NONCE_BYTES), additionalData, wrapped);
    const encrypted = sealed.subarray(CONTENT_START);
    return await decrypt(contentKey, sealed.subarray(WRAPPED_END, CONTENT_START), additionalData, encrypted);
  } catch (cause) {
    throw new PlatformError("RECORDING_UNREADABLE", "The recording is not what was stored: it fails authentication.", {
      cause,
    });
  }
}

/** JSON of a list keeps the fields apart whatever they hold. */
function additionalDataOf({ tenantId, executionId }: Owner): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(new TextEncoder().encode(JSON.stringify(["patchbay recording", tenantId, executionId])));
}

async function encrypt(
  key: Uint8Array<ArrayBuffer>,
  nonce: Uint8Array<ArrayBuffer>,
  additionalData: Uint8Array<ArrayBuffer>,
  content: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer>> {
  const imported = await crypto.subtle.importKey("raw", key, "AES-GCM", false, ["encrypt"]);
  return new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce, additionalData }, imported, content));
}

async function decrypt(
  key: Uint8Array<ArrayBuffer>,
  nonce: Uint8Array<ArrayBuffer>,
  additionalData: Uint8Array<ArrayBuffer>,
  content: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer>> {
  const imported = await crypto.subtle.importKey("raw", key, "AES-GCM", false, ["decrypt"]);
  return new Uint8Array(await crypto.subtle.decrypt({ name: "AES-GCM", iv: nonce, additionalData }, imported, content));
}
