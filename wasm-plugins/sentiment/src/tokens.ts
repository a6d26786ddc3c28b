import {
  isAlphanumeric,
  isApostrophe,
  isClauseBreak,
  isLetter,
  isModifier,
  isSpace,
  isUpper,
  toKeyByte,
  ZERO_WIDTH_JOINER,
} from "./characters";
import { emoticonEntry, emoticonLength } from "./emoticons";
import { emojiValence, find, findEmoji, valence } from "./lexicon";
import { Span } from "./sentences";
import { shortenedEntry } from "./elongation";

export const WORD: u8 = 0;
export const SYMBOL: u8 = 1;
export const BREAK: u8 = 2;

export const CAPITALS: u8 = 1;
export const ELONGATED: u8 = 2;

/**
 * The tokens of one sentence; one object serves all sentences of a text. Words are kept as lower-case Latin-1 bytes in
 * `keys`, one space apart, so that neighbouring words are a phrase's key without any copying.
 */
export class Tokens {
  kinds: Array<u8> = [];
  marks: Array<u8> = [];
  /** Where a word's bytes start and end in `keys`. */
  starts: Array<i32> = [];
  ends: Array<i32> = [];
  /** Valences of symbols. */
  valences: Array<f64> = [];
  keys: StaticArray<u8> = new StaticArray<u8>(256);
  used: i32 = 0;
  words: i32 = 0;
  /** Words of two letters or more, and those of them in capitals. */
  longWords: i32 = 0;
  capitalWords: i32 = 0;
  exclamations: i32 = 0;
  questions: i32 = 0;

  clear(): void {
    this.kinds.length = 0;
    this.marks.length = 0;
    this.starts.length = 0;
    this.ends.length = 0;
    this.valences.length = 0;
    this.used = 0;
    this.words = 0;
    this.longWords = 0;
    this.capitalWords = 0;
    this.exclamations = 0;
    this.questions = 0;
  }

  /** Makes room for the keys of a sentence of `units` UTF-16 units: each becomes a byte, each word has a space. */
  reserve(units: i32): void {
    let size = this.keys.length;
    while (size < units * 2 + 2) size *= 2;
    if (size > this.keys.length) this.keys = new StaticArray<u8>(size);
  }

  get length(): i32 {
    return this.kinds.length;
  }

  /** Address of a word's first byte. */
  keyPointer(token: i32): usize {
    return changetype<usize>(this.keys) + this.starts[token];
  }

  add(kind: u8, marks: u8, start: i32, end: i32, value: f64): void {
    this.kinds.push(kind);
    this.marks.push(marks);
    this.starts.push(start);
    this.ends.push(end);
    this.valences.push(value);
  }

  addBreak(): void {
    if (this.length > 0 && this.kinds[this.length - 1] != BREAK) this.add(BREAK, 0, 0, 0, 0);
  }
}

/** Reads the sentence's tokens into `tokens`. Addresses, mentions and links are left out. */
export function tokenise(text: string, span: Span, tokens: Tokens): void {
  tokens.clear();
  tokens.reserve(span.end - span.start);
  let i = span.start;
  while (i < span.end) {
    const c = text.charCodeAt(i);
    const emoticon = isSpace(c) ? 0 : emoticonLength(text, i);
    if (emoticon > 0) {
      tokens.add(SYMBOL, 0, 0, 0, valence(emoticonEntry(text, i, emoticon)));
      i += emoticon;
    } else if (isAlphanumeric(c)) {
      i = readWord(text, i, span.end, tokens);
    } else if (c == 0x40) {
      i = chunkEnd(text, i, span.end);
    } else {
      i = readOther(text, i, c, tokens);
    }
  }
}

function readOther(text: string, at: i32, c: i32, tokens: Tokens): i32 {
  const code = <i32>text.codePointAt(at);
  const next = at + (code > 0xffff ? 2 : 1);
  const emoji = code < 0x2000 ? -1 : findEmoji(code);
  if (emoji >= 0) {
    tokens.add(SYMBOL, 0, 0, 0, emojiValence(emoji));
    return afterSequence(text, next);
  }
  if (c == 0x21 || c == 0xff01) tokens.exclamations++;
  else if (c == 0x3f || c == 0xff1f) tokens.questions++;
  else if (isClauseBreak(c) || isSpacedHyphen(text, at, c) || isEllipsis(text, at, c)) tokens.addBreak();
  return next;
}

/** An emoji may be joined with others and modified; the first one carries the meaning. */
function afterSequence(text: string, from: i32): i32 {
  let i = from;
  while (i < text.length) {
    const code = <i32>text.codePointAt(i);
    if (isModifier(code)) {
      i += code > 0xffff ? 2 : 1;
    } else if (code == ZERO_WIDTH_JOINER && i + 1 < text.length) {
      i += text.codePointAt(i + 1) > 0xffff ? 3 : 2;
    } else {
      break;
    }
  }
  return i;
}

function isSpacedHyphen(text: string, at: i32, c: i32): bool {
  return c == 0x2d && at > 0 && isSpace(text.charCodeAt(at - 1));
}

function isEllipsis(text: string, at: i32, c: i32): bool {
  return c == 0x2e && at + 1 < text.length && text.charCodeAt(at + 1) == 0x2e;
}

function readWord(text: string, at: i32, limit: i32, tokens: Tokens): i32 {
  if (startsChunk(text, at)) {
    const address = addressEnd(text, at, limit);
    if (address > 0) return address;
  }
  const start = tokens.used;
  let end = at;
  let letters = 0;
  let capitals = 0;
  while (end < limit && continuesWord(text, end, limit)) {
    const c = text.charCodeAt(end);
    if (isLetter(c)) letters++;
    if (isUpper(c)) capitals++;
    tokens.keys[tokens.used++] = toKeyByte(c);
    end++;
  }
  let marks: u8 = 0;
  tokens.words++;
  if (letters >= 2) tokens.longWords++;
  if (letters >= 2 && capitals == letters) {
    tokens.capitalWords++;
    marks |= CAPITALS;
  }
  if (settleKey(tokens, start)) marks |= ELONGATED;
  tokens.add(WORD, marks, start, tokens.used, 0);
  tokens.keys[tokens.used++] = 0x20;
  return end;
}

/** Letters and digits, and apostrophes between them. */
function continuesWord(text: string, at: i32, limit: i32): bool {
  const c = text.charCodeAt(at);
  if (isAlphanumeric(c)) return true;
  return isApostrophe(c) && at + 1 < limit && isLetter(text.charCodeAt(at + 1));
}

/** Brings a word that the lexicon does not know to one it knows: without `'s`, or with repeated letters shortened. */
function settleKey(tokens: Tokens, start: i32): bool {
  const pointer = changetype<usize>(tokens.keys) + start;
  const length = tokens.used - start;
  if (find(pointer, length) >= 0) return false;
  if (length > 2 && load<u8>(pointer + length - 1) == 0x73 && load<u8>(pointer + length - 2) == 0x27) {
    tokens.used -= 2;
    return false;
  }
  const shortened = shortenedEntry(pointer, length);
  if (shortened == 0) return false;
  tokens.used = start + shortened;
  return true;
}

/** After white space, at the start, or after one bracket: an address is looked for once per chunk, not per word. */
function startsChunk(text: string, at: i32): bool {
  if (at == 0 || isSpace(text.charCodeAt(at - 1))) return true;
  const before = text.charCodeAt(at - 1);
  return (before == 0x28 || before == 0x3c) && (at == 1 || isSpace(text.charCodeAt(at - 2)));
}

/** @returns the end of a web or e-mail address that starts here, or 0 */
function addressEnd(text: string, at: i32, limit: i32): i32 {
  const end = chunkEnd(text, at, limit);
  if (end - at < 5) return 0;
  if (starts(text, at, "http://") || starts(text, at, "https://") || starts(text, at, "www.")) return end;
  for (let i = at + 1; i < end - 2; i++) {
    if (text.charCodeAt(i) == 0x40 && isAlphanumeric(text.charCodeAt(i + 1))) return end;
  }
  return 0;
}

function starts(text: string, at: i32, prefix: string): bool {
  if (text.length - at < prefix.length) return false;
  for (let i = 0; i < prefix.length; i++) if (toKeyByte(text.charCodeAt(at + i)) != prefix.charCodeAt(i)) return false;
  return true;
}

function chunkEnd(text: string, at: i32, limit: i32): i32 {
  let i = at + 1;
  while (i < limit && !isSpace(text.charCodeAt(i))) i++;
  return i;
}
