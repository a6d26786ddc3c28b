/** A key ring with one new AES-256 key, as the secrets hold it. */
export function freshKeyRing(id: string): {
  readonly current: string;
  readonly keys: Readonly<Record<string, string>>;
} {
  return { current: id, keys: { [id]: crypto.getRandomValues(new Uint8Array(32)).toBase64() } };
}
