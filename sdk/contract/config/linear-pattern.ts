/**
 * Regular expressions of configuration schemas, which authors write and operators' texts meet. They are matched by
 * following all ways at once (Thompson 1968; Cox, "Regular Expression Matching: the Virtual Machine Approach"), so that
 * the time is bounded by text times pattern whatever the pattern is; a backtracking engine can take for ever. The
 * syntax is that of ECMAScript with the flag `u`, without what cannot be matched this way: lookaround, back references.
 */

export const PATTERN_LIMITS = { characters: 500, steps: 1_500, stepsInSchema: 3_000 } as const;

export interface LinearPattern {
  /** Size of the pattern once repetitions are written out. */
  readonly steps: number;
  /** True where the pattern matches somewhere in the text, as `RegExp.prototype.test` does. */
  readonly test: (text: string) => boolean;
}

export type PatternReading = { readonly pattern: LinearPattern } | { readonly problem: string };

/** @returns the pattern, or what is wrong with it as the end of a sentence that begins with its name */
export function readPattern(source: string): PatternReading {
  if (source.length > PATTERN_LIMITS.characters) {
    return { problem: `must have at most ${PATTERN_LIMITS.characters} characters; found ${source.length}` };
  }
  try {
    void new RegExp(source, "u"); // compiled, never run: says whether the syntax is right, which the parser relies on
  } catch {
    return { problem: "must be a regular expression of ECMAScript with the flag u" };
  }
  const parsed = new PatternParser(source).parse();
  if (typeof parsed === "string") return { problem: parsed };
  const steps = sizeOf(parsed) + 1;
  if (steps > PATTERN_LIMITS.steps) {
    return { problem: `repeats too much: written out it has ${steps} steps of at most ${PATTERN_LIMITS.steps}` };
  }
  const program = compile(parsed);
  return { pattern: { steps, test: (text) => run(program, text) } };
}

type Assertion = "start" | "end" | "boundary" | "inside";
type CharacterTest = (character: string) => boolean;

type Node =
  | { readonly kind: "character"; readonly matches: CharacterTest }
  | { readonly kind: "assertion"; readonly assertion: Assertion }
  | { readonly kind: "sequence"; readonly parts: readonly Node[] }
  | { readonly kind: "choice"; readonly options: readonly Node[] }
  | { readonly kind: "repeat"; readonly part: Node; readonly least: number; readonly most: number };

/** Reads a pattern that is known to be valid with the flag `u`. */
class PatternParser {
  readonly #source: string;
  #at = 0;
  #refusal: string | undefined;

  constructor(source: string) {
    this.#source = source;
  }

  /** @returns the pattern, or why it is refused */
  parse(): Node | string {
    const node = this.#choice();
    return this.#refusal ?? node;
  }

  #choice(): Node {
    const options = [this.#sequence()];
    while (this.#take("|")) options.push(this.#sequence());
    return options.length === 1 && options[0] ? options[0] : { kind: "choice", options };
  }

  #sequence(): Node {
    const parts: Node[] = [];
    while (this.#at < this.#source.length && !"|)".includes(this.#source[this.#at] ?? "") && !this.#refusal) {
      parts.push(this.#quantified(this.#atom()));
    }
    return { kind: "sequence", parts };
  }

  #atom(): Node {
    if (this.#take("^")) return { kind: "assertion", assertion: "start" };
    if (this.#take("$")) return { kind: "assertion", assertion: "end" };
    if (this.#take("\\b")) return { kind: "assertion", assertion: "boundary" };
    if (this.#take("\\B")) return { kind: "assertion", assertion: "inside" };
    if (this.#take("(")) return this.#group();
    const rest = this.#source.slice(this.#at);
    if (/^\\[1-9k]/.test(rest)) return this.#refuse("must not have back references");
    const [text = ""] = ATOM.exec(rest) ?? [];
    this.#at += text.length;
    return { kind: "character", matches: characterTest(text) };
  }

  #group(): Node {
    const opening = /^\?(?::|<[^=!>][^>]*>)/.exec(this.#source.slice(this.#at));
    if (opening) this.#at += opening[0].length;
    else if (this.#source[this.#at] === "?") return this.#refuse("must not have lookaround or modifiers");
    const node = this.#choice();
    this.#take(")");
    return node;
  }

  #quantified(part: Node): Node {
    const found = /^(?:([*+?])|\{(\d+)(?:(,)(\d*))?\})\??/.exec(this.#source.slice(this.#at));
    if (!found) return part;
    this.#at += found[0].length;
    const [, sign, least, comma, most] = found;
    if (sign === "*") return { kind: "repeat", part, least: 0, most: Infinity };
    if (sign === "+") return { kind: "repeat", part, least: 1, most: Infinity };
    if (sign === "?") return { kind: "repeat", part, least: 0, most: 1 };
    const upper = comma === undefined ? Number(least) : most === "" ? Infinity : Number(most);
    return { kind: "repeat", part, least: Number(least), most: upper };
  }

  #take(text: string): boolean {
    if (!this.#source.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #refuse(problem: string): Node {
    this.#refusal ??= problem;
    this.#at = this.#source.length;
    return { kind: "sequence", parts: [] };
  }
}

/** One character's worth of pattern: a class, an escape (two of them for a surrogate pair), or the character itself. */
const ATOM =
  /^(?:\[(?:\\[^]|[^\\\]])*\]|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u\{[0-9a-fA-F]+\}|\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|\\c[A-Za-z]|\\[pP]\{[^}]*\}|\\[^]|[^])/u;

/** A single character cannot make the engine backtrack, so the language's own classes decide it. */
function characterTest(atom: string): CharacterTest {
  if (!/^[.[\\]/.test(atom)) return (character) => character === atom;
  const expression = new RegExp(`^${atom}$`, "u");
  const ascii = Array.from({ length: 128 }, (_, code) => expression.test(String.fromCharCode(code)));
  return (character) => ascii[character.codePointAt(0) ?? 0] ?? expression.test(character);
}

function sizeOf(node: Node): number {
  if (node.kind === "sequence") return node.parts.reduce((sum, part) => sum + sizeOf(part), 0);
  if (node.kind === "choice") return node.options.reduce((sum, option) => sum + sizeOf(option) + 2, 0);
  if (node.kind !== "repeat") return 1;
  const size = Math.max(1, sizeOf(node.part)); // nothing, repeated a billion times, is a long program too
  const optional = node.most === Infinity ? size + 2 : (node.most - node.least) * (size + 1);
  return node.least * size + optional;
}

type Step =
  | { readonly kind: "character"; readonly matches: CharacterTest }
  | { readonly kind: "assertion"; readonly assertion: Assertion }
  | { readonly kind: "fork"; to: number }
  | { readonly kind: "jump"; to: number }
  | { readonly kind: "match" };

function compile(node: Node): readonly Step[] {
  const steps: Step[] = [];
  emit(node, steps);
  steps.push({ kind: "match" });
  return steps;
}

function emit(node: Node, steps: Step[]): void {
  switch (node.kind) {
    case "character":
    case "assertion":
      steps.push(node);
      return;
    case "sequence":
      for (const part of node.parts) emit(part, steps);
      return;
    case "choice":
      emitChoice(node.options, steps);
      return;
    case "repeat":
      emitRepeat(node, steps);
  }
}

function emitChoice(options: readonly Node[], steps: Step[]): void {
  const ends: { to: number }[] = [];
  for (const [index, option] of options.entries()) {
    const fork = { kind: "fork" as const, to: 0 };
    const isLast = index === options.length - 1;
    if (!isLast) steps.push(fork);
    emit(option, steps);
    if (isLast) break;
    const end = { kind: "jump" as const, to: 0 };
    steps.push(end);
    ends.push(end);
    fork.to = steps.length;
  }
  for (const end of ends) end.to = steps.length;
}

function emitRepeat({ part, least, most }: Extract<Node, { kind: "repeat" }>, steps: Step[]): void {
  for (let count = 0; count < least; count++) emit(part, steps);
  const forks: { to: number }[] = [];
  for (let count = least; count < (most === Infinity ? least + 1 : most); count++) {
    const fork = { kind: "fork" as const, to: 0 };
    const start = steps.length;
    steps.push(fork);
    forks.push(fork);
    emit(part, steps);
    if (most === Infinity) steps.push({ kind: "jump", to: start });
  }
  for (const fork of forks) fork.to = steps.length;
}

/** Follows every way through the program at once; each step is entered at most once for each position in the text. */
function run(program: readonly Step[], text: string): boolean {
  const characters = Array.from(text);
  const enteredAt = new Int32Array(program.length).fill(-1);
  let waiting: number[] = [];
  for (let position = 0; position <= characters.length; position++) {
    waiting.push(0);
    const reading = enter(program, waiting, characters, position, enteredAt);
    if (!reading) return true;
    const character = characters[position];
    if (character === undefined) return false;
    waiting = [];
    for (const index of reading) {
      const step = program[index];
      if (step?.kind === "character" && step.matches(character)) waiting.push(index + 1);
    }
  }
  return false;
}

/** @returns steps that read the next character, or undefined where the pattern has matched */
function enter(
  program: readonly Step[],
  waiting: number[],
  characters: readonly string[],
  position: number,
  enteredAt: Int32Array,
): number[] | undefined {
  const reading: number[] = [];
  for (let index = waiting.pop(); index !== undefined; index = waiting.pop()) {
    const step = program[index];
    if (!step || enteredAt[index] === position) continue;
    enteredAt[index] = position;
    if (step.kind === "match") return undefined;
    if (step.kind === "character") reading.push(index);
    else if (step.kind === "jump") waiting.push(step.to);
    else if (step.kind === "fork") waiting.push(step.to, index + 1);
    else if (holds(step.assertion, characters, position)) waiting.push(index + 1);
  }
  return reading;
}

function holds(assertion: Assertion, characters: readonly string[], position: number): boolean {
  if (assertion === "start") return position === 0;
  if (assertion === "end") return position === characters.length;
  const atBoundary = isWord(characters[position - 1]) !== isWord(characters[position]);
  return assertion === "boundary" ? atBoundary : !atBoundary;
}

function isWord(character: string | undefined): boolean {
  return character !== undefined && /^[A-Za-z0-9_]$/.test(character);
}
