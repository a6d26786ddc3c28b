import { COMMON, find, has, MAX_PHRASE_WORDS, PREFIX } from "./lexicon";
import { BREAK, SYMBOL, Tokens, WORD } from "./tokens";

/**
 * What one sentence is made of: words and phrases of the lexicon, words it does not know, symbols and clause breaks.
 * One object serves all sentences of a call, because nothing is freed before the call ends.
 */
export class Units {
  length: i32 = 0;
  /** -1 where the lexicon does not know it. */
  entries: Array<i32> = [];
  kinds: Array<u8> = [];
  marks: Array<u8> = [];
  /** Words a unit spans; 0 for symbols and breaks. */
  words: Array<i32> = [];
  /** Of a symbol as in the lexicon; `scoreSentence` puts in what every unit says where it stands. */
  values: Array<f64> = [];

  clear(): void {
    this.length = 0;
    this.entries.length = 0;
    this.kinds.length = 0;
    this.marks.length = 0;
    this.words.length = 0;
    this.values.length = 0;
  }

  add(kind: u8, entry: i32, marks: u8, words: i32, value: f64): void {
    this.kinds.push(kind);
    this.entries.push(entry);
    this.marks.push(marks);
    this.words.push(words);
    this.values.push(value);
    this.length++;
  }

  /** The unit is in the lexicon with that flag. */
  is(at: i32, flag: u8): bool {
    return this.entries[at] >= 0 && has(this.entries[at], flag);
  }

  isBreak(at: i32): bool {
    return this.kinds[at] == BREAK;
  }

  isWord(at: i32): bool {
    return this.kinds[at] == WORD;
  }

  isSymbol(at: i32): bool {
    return this.kinds[at] == SYMBOL;
  }

  /** Words that carry meaning: the ones that separate a modifier from what it modifies. */
  isContent(at: i32): bool {
    return this.isWord(at) && !this.is(at, COMMON);
  }
}

/** Groups the tokens into units; of several phrases at one place the longest wins. */
export function groupUnits(tokens: Tokens, units: Units): void {
  units.clear();
  let i = 0;
  while (i < tokens.length) {
    const kind = tokens.kinds[i];
    if (kind == WORD) {
      i += addWords(tokens, i, units);
    } else {
      units.add(kind, -1, 0, 0, tokens.valences[i]);
      i++;
    }
  }
}

/** @returns how many words the unit takes */
function addWords(tokens: Tokens, at: i32, units: Units): i32 {
  const pointer = tokens.keyPointer(at);
  const entry = find(pointer, tokens.ends[at] - tokens.starts[at]);
  if (entry >= 0 && has(entry, PREFIX)) {
    for (let count = neighbours(tokens, at); count > 1; count--) {
      const phrase = find(pointer, tokens.ends[at + count - 1] - tokens.starts[at]);
      if (phrase < 0) continue;
      units.add(WORD, phrase, allMarks(tokens, at, count), count, 0);
      return count;
    }
  }
  units.add(WORD, entry, tokens.marks[at], 1, 0);
  return 1;
}

function allMarks(tokens: Tokens, at: i32, count: i32): u8 {
  let marks: u8 = 0;
  for (let i = 0; i < count; i++) marks |= tokens.marks[at + i];
  return marks;
}

/** How many words stand here without a break between them, at most as many as the longest phrase has. */
function neighbours(tokens: Tokens, at: i32): i32 {
  let count = 1;
  while (count < MAX_PHRASE_WORDS && at + count < tokens.length && tokens.kinds[at + count] == WORD) count++;
  return count;
}
