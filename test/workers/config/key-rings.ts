/** The ring with one key more, which is the current one. */
export function freshKeys(ring: string, id: string): string {
  const { keys } = JSON.parse(ring) as { keys: Record<string, string> }; // made by vitest.config.ts
  const key = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(32))));
  return JSON.stringify({ current: id, keys: { ...keys, [id]: key } });
}
