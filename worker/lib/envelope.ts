/**
 * Envelope encryption (AES-256-GCM, NIST SP 800-38D): each content has a key of its own, and only that key is encrypted
 * with the ring's, so a ring key never encrypts content and few enough messages for random nonces. Layout:
 * nonce 12 | encrypted key 32 + tag 16 | nonce 12 | encrypted content + tag 16.
 */
const NONCE_BYTES = 12;
const KEY_BYTES = 32;
const TAG_BYTES = 16;
const WRAPPED_END = NONCE_BYTES + KEY_BYTES + TAG_BYTES;
const CONTENT_START = WRAPPED_END + NONCE_BYTES;

/** What the content is and whose: authenticated with it, so that what is moved elsewhere cannot be opened there. */
export type Context = readonly string[];

/** @param randomBytes  source of key and nonces; must be cryptographic */
export async function seal(
  content: Uint8Array<ArrayBuffer>,
  ringKey: Uint8Array<ArrayBuffer>,
  context: Context,
  randomBytes: (length: number) => Uint8Array,
): Promise<Uint8Array<ArrayBuffer>> {
  const [contentKey, wrapNonce, nonce] = [
    Uint8Array.from(randomBytes(KEY_BYTES)),
    Uint8Array.from(randomBytes(NONCE_BYTES)),
    Uint8Array.from(randomBytes(NONCE_BYTES)),
  ];
  const additionalData = additionalDataOf(context);
  const wrapped = await encrypt(ringKey, wrapNonce, additionalData, contentKey);
  const encrypted = await encrypt(contentKey, nonce, additionalData, content);
  const sealed = new Uint8Array(CONTENT_START + encrypted.length);
  sealed.set(wrapNonce, 0);
  sealed.set(wrapped, NONCE_BYTES);
  sealed.set(nonce, WRAPPED_END);
  sealed.set(encrypted, CONTENT_START);
  return sealed;
}

/** @throws where a byte, the context or the key is another than when it was sealed */
export async function open(
  sealed: Uint8Array<ArrayBuffer>,
  ringKey: Uint8Array<ArrayBuffer>,
  context: Context,
): Promise<Uint8Array<ArrayBuffer>> {
  const additionalData = additionalDataOf(context);
  const wrapped = sealed.subarray(NONCE_BYTES, WRAPPED_END);
  const contentKey = await decrypt(ringKey, sealed.subarray(0, NONCE_BYTES), additionalData, wrapped);
  const encrypted = sealed.subarray(CONTENT_START);
  return decrypt(contentKey, sealed.subarray(WRAPPED_END, CONTENT_START), additionalData, encrypted);
}

/** JSON of a list keeps the parts apart whatever they hold. */
function additionalDataOf(context: Context): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(new TextEncoder().encode(JSON.stringify(context)));
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
