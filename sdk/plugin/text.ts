import { host } from "./host.ts";

/** Text of bytes in UTF-8; what is not UTF-8 becomes U+FFFD. */
export function bytesToText(bytes: Uint8Array): string {
  return host.decode(bytes);
}

export function textToBytes(text: string): Uint8Array<ArrayBuffer> {
  return host.encode(text);
}
