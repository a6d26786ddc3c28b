import { describe, expect, test } from "vitest";
import { PATTERN_LIMITS, readPattern } from "../../../sdk/contract/config/linear-pattern.ts";

const PATTERNS = [
  "",
  "abc",
  "^abc$",
  "^[a-z0-9]+(-[a-z0-9]+)*$",
  "^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]{2,}$",
  "^\\d{3}-\\d{2,4}$",
  "^(a|b|cd)*e?$",
  "^(?<scheme>https?)://[^\\s/]+(/.*)?$",
  "\\bword\\b",
  "x\\By",
  "^.$",
  "^[^\\]\\\\]+$",
  "^\\u{1F600}|\\uD83D\\uDE01|\\x41$",
  "^\\p{Lu}\\p{Ll}*$",
  "^(a?){0,5}$",
  "^(a*)*b$",
  "^(|a)+$",
  "(^|,)x(,|$)",
  "^a{2}b{1,}c{0,2}$",
  "^a+?b??$",
  "[\\d\\-_.]+@",
  "^\\S+\\s\\S+$",
  "^\\t|\\n|\\cJ|\\0$",
  "a|",
];
const TEXTS = [
  "",
  "a",
  "abc",
  "xabcx",
  "a-b-c",
  "-a",
  "a--b",
  "example.com",
  "a.b.example.co.uk",
  "-.com",
  "123-45",
  "123-45678",
  "ababcde",
  "https://example.com/path?x",
  "http:///",
  "a word here",
  "sword",
  "xy",
  "x y",
  "😀",
  "😁",
  "\ud83d",
  "Émile",
  "émile",
  "aaaaab",
  "aaaaaa",
  "]",
  "\\",
  "a,x,b",
  "x",
  "aabcc",
  "aab",
  "ab\n",
  "\n",
  "\t",
  "\0",
  "me_1.2-3@",
  "A",
  "ſ",
];

describe("a pattern matches what the language's own engine matches", () => {
  test.each(PATTERNS)("%s", (source) => {
    const reading = readPattern(source);
    if ("problem" in reading) throw new Error(reading.problem);
    const expected = TEXTS.filter((text) => new RegExp(source, "u").test(text));
    expect(TEXTS.filter((text) => reading.pattern.test(text))).toEqual(expected);
  });
});

test.each([
  ["(", "must be a regular expression of ECMAScript with the flag u"],
  ["\\Z", "must be a regular expression of ECMAScript with the flag u"],
  ["(a)\\1", "must not have back references"],
  ["(?<x>a)\\k<x>", "must not have back references"],
  ["(?=a)", "must not have lookaround or modifiers"],
  ["(?<!a)b", "must not have lookaround or modifiers"],
  ["a".repeat(501), "must have at most 500 characters; found 501"],
  ["(a{100}){100}", `repeats too much: written out it has 10001 steps of at most ${PATTERN_LIMITS.steps}`],
  ["(?:){1000000000}", `repeats too much: written out it has 1000000001 steps of at most ${PATTERN_LIMITS.steps}`],
])("%s is refused", (source, problem) => {
  expect(readPattern(source)).toEqual({ problem });
});

/** Each takes a backtracking engine longer than anybody would wait, or has a degree that 64 KiB make hopeless. */
test.each([
  ["^(a+)+$", "a"],
  ["^(a|a)*$", "a"],
  ["^(a|aa)+$", "a"],
  ["^([a-zA-Z0-9])(([\\-.]|[_]+)?([a-zA-Z0-9]+))*(@){1}$", "a"],
  ["^(.*)*x$", "y"],
  ["^.*.*.*.*.*x$", "y"],
  ["(x+x+)+y", "x"],
  ["^(\\w+\\s?)*$", "w"],
])("%s on 64 KiB of text takes time that grows with the text only", (source, character) => {
  const reading = readPattern(source);
  if ("problem" in reading) throw new Error(reading.problem);
  const started = performance.now();
  expect(reading.pattern.test(`${character.repeat(65_536)}!`)).toBe(false);
  expect(performance.now() - started).toBeLessThan(3_000);
});

/** Pseudo-random numbers from a seed (mulberry32), so that a failure can be had again. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const ATOMS = [
  "a",
  "b",
  "é",
  "😀",
  ".",
  "\\d",
  "\\w",
  "\\S",
  "[ab]",
  "[^a]",
  "[a-c😀]",
  "\\u{e9}",
  "\\b",
  "\\B",
  "^",
  "$",
];
const QUANTIFIERS = ["", "", "", "*", "+", "?", "*?", "{2}", "{0,2}", "{1,}"];

function randomPattern(random: (below: number) => number, depth = 3): string {
  const part = (): string => {
    if (depth > 0 && random(3) === 0) {
      const group = `(${random(2) === 0 ? "" : "?:"}${randomPattern(random, depth - 1)})`;
      return group + (QUANTIFIERS[random(QUANTIFIERS.length)] ?? "");
    }
    const atom = ATOMS[random(ATOMS.length)] ?? "a";
    return /^(?:[\^$]|\\[bB])$/.test(atom) ? atom : atom + (QUANTIFIERS[random(QUANTIFIERS.length)] ?? "");
  };
  const sequence = (): string => Array.from({ length: random(4) }, part).join("");
  return Array.from({ length: 1 + random(3) }, sequence).join("|");
}

test("two thousand random patterns match what the language's own engine matches", () => {
  const random = randomFrom(20_261_125);
  const characters = ["a", "b", "c", "1", " ", "é", "😀", "\n"];
  let compared = 0;
  for (let round = 0; round < 2_000; round++) {
    const source = randomPattern(random);
    const reading = readPattern(source);
    if ("problem" in reading) continue;
    const expression = new RegExp(source, "u");
    for (let text = 0; text < 10; text++, compared++) {
      const subject = Array.from({ length: random(9) }, () => characters[random(characters.length)]).join("");
      // V8 finds \B between the two units of one character, where ECMA-262 §22.2.7.2 does not look.
      if (source.includes("\\B") && subject.includes("😀")) continue;
      expect([source, subject, reading.pattern.test(subject)]).toEqual([source, subject, expression.test(subject)]);
    }
  }
  expect(compared).toBeGreaterThan(15_000);
});
