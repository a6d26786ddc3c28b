/** A ring of one new key. */
export function freshKeyRing(id: string): string {
  return JSON.stringify({ current: id, keys: { [id]: crypto.getRandomValues(new Uint8Array(32)).toBase64() } });
}
