import {
  isAlphanumeric,
  isCloser,
  isDigit,
  isLetter,
  isLower,
  isPictograph,
  isSpace,
  isTerminator,
  isWideTerminator,
  toKeyByte,
  ZERO_WIDTH_JOINER,
} from "./characters";
import { emoticonLength } from "./emoticons";

/** Abbreviations whose full stop does not end a sentence, each between spaces. */
const ABBREVIATIONS = " mr mrs ms dr prof st vs etc eg ie approx inc ltd jr sr dept fig no vol al ca min max tel ";

/** A sentence this long ends at the next space, so that memory stays bounded for text without full stops. */
const LONG_SENTENCE: i32 = 4000;
/** … or right here where there is none. A mark and the symbols behind it may still follow. */
const LONGEST_SENTENCE: i32 = 5000;

/** A part of the text as UTF-16 offsets, `end` excluded, without white space at its ends. */
export class Span {
  constructor(
    public start: i32,
    public end: i32,
  ) {}

  /** Becomes the range without white space at its ends. @returns false where nothing is left */
  trim(text: string, start: i32, end: i32): bool {
    while (start < end && isSpace(text.charCodeAt(start))) start++;
    while (end > start && isSpace(text.charCodeAt(end - 1))) end--;
    this.start = start;
    this.end = end;
    return end > start;
  }
}

/**
 * Finds the sentences of a text one after the other: they end at full stops, exclamation and question marks, ellipses
 * and blank lines. Emoji and emoticons right after the mark belong to the sentence they comment on.
 */
export class Sentences {
  /** The current sentence. */
  readonly span: Span = new Span(0, 0);
  private position: i32 = 0;

  constructor(private readonly text: string) {}

  /** Moves `span` to the next sentence. @returns false where there is none */
  next(): bool {
    while (this.position < this.text.length) {
      const start = this.position;
      this.position = sentenceEnd(this.text, start);
      if (this.span.trim(this.text, start, this.position)) return true;
    }
    return false;
  }
}

/** @returns where the sentence that starts at `start` ends, at least one further */
function sentenceEnd(text: string, start: i32): i32 {
  let i = start;
  while (i < text.length) {
    const c = text.charCodeAt(i);
    if (c == 0x0a && i > start && isBlankLine(text, i)) return i;
    if (isTerminator(c)) {
      const end = endOfMark(text, i);
      if (endsSentence(text, i, end)) return afterSymbols(text, end);
      i = end;
    } else if (isOverlong(c, i - start)) {
      return i;
    } else {
      i++;
    }
  }
  return text.length;
}

/** Never between the halves of a surrogate pair. */
function isOverlong(c: i32, length: i32): bool {
  return (length >= LONG_SENTENCE && isSpace(c)) || (length >= LONGEST_SENTENCE && (c & 0xfc00) != 0xdc00);
}

function isBlankLine(text: string, newline: i32): bool {
  for (let i = newline + 1; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c == 0x0a) return true;
    if (!isSpace(c))
      return c == 0x2a || c == 0x2022 || (c == 0x2d && i + 1 < text.length && text.charCodeAt(i + 1) == 0x20);
  }
  return false;
}

/** Past the run of marks and the quotes or brackets that close with it. */
function endOfMark(text: string, at: i32): i32 {
  let i = at;
  while (i < text.length && isTerminator(text.charCodeAt(i))) i++;
  while (i < text.length && isCloser(text.charCodeAt(i))) i++;
  return i;
}

function endsSentence(text: string, mark: i32, end: i32): bool {
  if (end >= text.length) return true;
  const first = text.charCodeAt(mark);
  if (isWideTerminator(first)) return true;
  if (!isSpace(text.charCodeAt(end))) return isPicture(text, end);
  if (first != 0x2e && first != 0x2026) return true;
  let next = end;
  while (next < text.length && isSpace(text.charCodeAt(next))) next++;
  if (next < text.length && isLower(text.charCodeAt(next))) return false;
  return end - mark > 1 || !isAbbreviation(text, mark);
}

/** The word before a full stop is an abbreviation or a single initial. */
function isAbbreviation(text: string, stop: i32): bool {
  let start = stop;
  while (start > 0 && (isLetter(text.charCodeAt(start - 1)) || isDigit(text.charCodeAt(start - 1)))) start--;
  const length = stop - start;
  if (length == 1) return isLetter(text.charCodeAt(start)) && text.charCodeAt(start) != 0x49;
  return length > 0 && isListed(text, start, length);
}

/** Compares in place: a string per full stop would stay in memory until the call ends. */
function isListed(text: string, start: i32, length: i32): bool {
  for (let at = 0; at + length + 1 < ABBREVIATIONS.length; at++) {
    if (ABBREVIATIONS.charCodeAt(at) != 0x20 || ABBREVIATIONS.charCodeAt(at + length + 1) != 0x20) continue;
    let i = 0;
    while (i < length && <i32>toKeyByte(text.charCodeAt(start + i)) == ABBREVIATIONS.charCodeAt(at + 1 + i)) i++;
    if (i == length) return true;
  }
  return false;
}

function isPicture(text: string, at: i32): bool {
  return at < text.length && isPictograph(<i32>text.codePointAt(at));
}

/** Past the emoji and emoticons that follow, if nothing but white space stands between. */
function afterSymbols(text: string, from: i32): i32 {
  let end = from;
  let i = from;
  while (i < text.length) {
    const c = text.charCodeAt(i);
    if (isSpace(c) && c != 0x0a) {
      i++;
      continue;
    }
    if (isAlphanumeric(c)) break;
    const emoticon = emoticonLength(text, i);
    if (emoticon > 0) i += emoticon;
    else if (isPicture(text, i)) i += text.codePointAt(i) > 0xffff ? 2 : 1;
    else if (c == ZERO_WIDTH_JOINER) i++;
    else break;
    end = i;
  }
  return end;
}
