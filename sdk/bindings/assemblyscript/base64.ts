const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Base64 with padding (RFC 4648 §4), as requests carry signatures and secrets. */
export function toBase64(buffer: ArrayBuffer): string {
  const pointer = changetype<usize>(buffer);
  const bytes = buffer.byteLength;
  let text = "";
  for (let at = 0; at < bytes; at += 3) {
    const left = bytes - at;
    const first: u32 = load<u8>(pointer + at);
    const second: u32 = left > 1 ? load<u8>(pointer + at + 1) : 0;
    const third: u32 = left > 2 ? load<u8>(pointer + at + 2) : 0;
    const group = (first << 16) | (second << 8) | third;
    text += DIGITS.charAt((group >> 18) & 63) + DIGITS.charAt((group >> 12) & 63);
    text += (left > 1 ? DIGITS.charAt((group >> 6) & 63) : "=") + (left > 2 ? DIGITS.charAt(group & 63) : "=");
  }
  return text;
}

/** Base64 as the platform writes it. Throws for what is no digit of it. */
export function fromBase64(text: string): ArrayBuffer {
  let length = text.length;
  while (length > 0 && text.charCodeAt(length - 1) == 0x3d) length--;
  const buffer = new ArrayBuffer((length * 3) / 4);
  const pointer = changetype<usize>(buffer);
  let group: u32 = 0;
  let written = 0;
  for (let at = 0; at < length; at++) {
    const digit = DIGITS.indexOf(text.charAt(at));
    if (digit < 0) throw new Error("not Base64 at " + at.toString());
    group = (group << 6) | digit;
    if (at % 4 == 0) continue;
    store<u8>(pointer + written, <u8>(group >> (6 - 2 * (at % 4))));
    written++;
  }
  return buffer;
}
