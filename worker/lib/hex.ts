const DIGITS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** Lower-case hexadecimal text of bytes. */
export function toHex(bytes: ArrayBuffer | Uint8Array): string {
  let text = "";
  for (const byte of bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes)) text += DIGITS[byte];
  return text;
}

/** SHA-256 (FIPS 180-4) as lower-case hexadecimal. */
export async function sha256Hex(bytes: Uint8Array | string): Promise<string> {
  const data = typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes;
  // Browsers' types, by which Node's programs are checked, exclude shared buffers; those never get here.
  // oxlint-disable-next-line typescript/no-unnecessary-type-assertion
  return toHex(await crypto.subtle.digest("SHA-256", data as Uint8Array<ArrayBuffer>));
}
