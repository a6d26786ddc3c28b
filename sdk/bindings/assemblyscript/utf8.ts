/**
 * Offset of the first byte that is not well-formed UTF-8 (RFC 3629 §4: no overlong forms, no surrogates, nothing above
 * U+10FFFF), or -1. `String.UTF8.decode` does not check, so input from outside goes through here first.
 */
export function firstInvalidUtf8(buffer: ArrayBuffer): i32 {
  const base = changetype<usize>(buffer);
  const end = buffer.byteLength;
  let i = 0;
  while (i < end) {
    const lead = load<u8>(base + i);
    if (lead < 0x80) {
      i++;
      continue;
    }
    const trailing = trailingBytes(lead);
    if (trailing == 0 || i + trailing >= end) return i;
    if (!secondByteFits(lead, load<u8>(base + i + 1))) return i;
    for (let k = 2; k <= trailing; k++) {
      if ((load<u8>(base + i + k) & 0xc0) != 0x80) return i;
    }
    i += trailing + 1;
  }
  return -1;
}

/** @returns how many bytes follow a lead byte; 0 where it cannot lead */
function trailingBytes(lead: u8): i32 {
  if (lead >= 0xc2 && lead <= 0xdf) return 1;
  if (lead >= 0xe0 && lead <= 0xef) return 2;
  if (lead >= 0xf0 && lead <= 0xf4) return 3;
  return 0;
}

/** The second byte alone tells overlong forms, surrogates and too large code points (table of RFC 3629 §4). */
function secondByteFits(lead: u8, second: u8): bool {
  if (lead == 0xe0) return second >= 0xa0 && second <= 0xbf;
  if (lead == 0xed) return second >= 0x80 && second <= 0x9f;
  if (lead == 0xf0) return second >= 0x90 && second <= 0xbf;
  if (lead == 0xf4) return second >= 0x80 && second <= 0x8f;
  return second >= 0x80 && second <= 0xbf;
}
