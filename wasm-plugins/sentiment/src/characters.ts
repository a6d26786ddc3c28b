/** Classes of characters the sentence splitter and the tokeniser ask for. */

export const ZERO_WIDTH_JOINER: i32 = 0x200d;

export function isSpace(c: i32): bool {
  return c == 0x20 || (c >= 0x09 && c <= 0x0d) || c == 0xa0 || c == 0x3000 || (c >= 0x2000 && c <= 0x200b);
}

export function isDigit(c: i32): bool {
  return c >= 0x30 && c <= 0x39;
}

/** Letters: ASCII, Latin-1 without × and ÷, and everything above that is neither punctuation nor a symbol. */
export function isLetter(c: i32): bool {
  if ((c | 0x20) >= 0x61 && (c | 0x20) <= 0x7a) return true;
  if (c < 0xc0 || c == 0xd7 || c == 0xf7) return false;
  if (c >= 0x2000 && c <= 0x2bff) return false;
  if (c >= 0x3000 && c <= 0x303f) return false;
  return c < 0xd800 || (c >= 0xf900 && c < 0xfe00);
}

export function isAlphanumeric(c: i32): bool {
  return isLetter(c) || isDigit(c);
}

export function isUpper(c: i32): bool {
  return (c >= 0x41 && c <= 0x5a) || (c >= 0xc0 && c <= 0xde && c != 0xd7);
}

export function isLower(c: i32): bool {
  return (c >= 0x61 && c <= 0x7a) || (c >= 0xdf && c <= 0xff && c != 0xf7);
}

/** Straight, typographic and modifier-letter apostrophes. */
export function isApostrophe(c: i32): bool {
  return c == 0x27 || c == 0x2019 || c == 0x2018 || c == 0x02bc;
}

export function isTerminator(c: i32): bool {
  return c == 0x2e || c == 0x21 || c == 0x3f || c == 0x2026 || isWideTerminator(c);
}

/** Chinese and Japanese full stops and marks, which no space follows. */
export function isWideTerminator(c: i32): bool {
  return c == 0x3002 || c == 0xff01 || c == 0xff1f;
}

/** What may close a sentence after its mark: quotes and brackets. */
export function isCloser(c: i32): bool {
  return c == 0x22 || c == 0x27 || c == 0x29 || c == 0x5d || c == 0x2019 || c == 0x201d || c == 0xbb;
}

/** Punctuation that ends the reach of a negator or an intensifier. */
export function isClauseBreak(c: i32): bool {
  switch (c) {
    case 0x2c: // ,
    case 0x3b: // ;
    case 0x3a: // :
    case 0x28: // (
    case 0x29: // )
    case 0x22: // "
    case 0x2013: // –
    case 0x2014: // —
    case 0x2026: // …
    case 0x201c: // “
    case 0x201d: // ”
      return true;
    default:
      return false;
  }
}

/** Code points that are drawn as pictures, and what modifies them. */
export function isPictograph(code: i32): bool {
  return (
    (code >= 0x1f000 && code <= 0x1faff) || (code >= 0x2600 && code <= 0x27bf) || code == 0x2b50 || isModifier(code)
  );
}

/** Variation selector and skin tones: they do not change which emoji it is. */
export function isModifier(code: i32): bool {
  return code == 0xfe0f || (code >= 0x1f3fb && code <= 0x1f3ff);
}

/** Latin-1 lower case; what Latin-1 does not have becomes U+001A, which no key of the lexicon contains. */
export function toKeyByte(c: i32): u8 {
  if (isApostrophe(c)) return 0x27;
  if (isUpper(c)) return <u8>(c + 32);
  return c <= 0xff ? <u8>c : 0x1a;
}
