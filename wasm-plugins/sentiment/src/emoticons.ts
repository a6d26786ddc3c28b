import { isAlphanumeric } from "./characters";
import { EMOTICON, find, has } from "./lexicon";
import { EMOTICON_STARTS, MAX_EMOTICON } from "./lexicon.generated";

const scratch = new StaticArray<u8>(MAX_EMOTICON);

/**
 * @returns the UTF-16 length of the emoticon at `at`, or 0. One that ends in a letter or digit must not run on into a
 * word; inside a word only those that end in a bracket count (`nice:)`, but not `10:30` or `C:\`).
 */
export function emoticonLength(text: string, at: i32): i32 {
  if (!mayStart(text.charCodeAt(at))) return 0;
  const room = text.length - at;
  const glued = at > 0 && isAlphanumeric(text.charCodeAt(at - 1));
  for (let length = room < MAX_EMOTICON ? room : MAX_EMOTICON; length >= 2; length--) {
    const last = text.charCodeAt(at + length - 1);
    const next = at + length < text.length ? text.charCodeAt(at + length) : 0;
    if (isAlphanumeric(next) && isAlphanumeric(last)) continue;
    if (glued && (isAlphanumeric(text.charCodeAt(at)) || text.charCodeAt(at) == 0x29 || !isBracket(last))) continue;
    const entry = findAt(text, at, length);
    if (entry >= 0 && has(entry, EMOTICON)) return length;
  }
  return 0;
}

/** @returns the emoticon's entry; call it only for a length that `emoticonLength` gave */
export function emoticonEntry(text: string, at: i32, length: i32): i32 {
  return findAt(text, at, length);
}

function findAt(text: string, at: i32, length: i32): i32 {
  for (let i = 0; i < length; i++) {
    const c = text.charCodeAt(at + i);
    if (c > 0x7e) return -1;
    scratch[i] = <u8>c;
  }
  return find(changetype<usize>(scratch), length);
}

/** First characters of the emoticons in the lexicon. */
function mayStart(c: i32): bool {
  for (let i = 0; i < EMOTICON_STARTS.length; i++) if (EMOTICON_STARTS.charCodeAt(i) == c) return true;
  return false;
}

function isBracket(c: i32): bool {
  return c == 0x28 || c == 0x29 || c == 0x5b || c == 0x5d;
}
