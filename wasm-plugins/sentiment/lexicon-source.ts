import { readFile } from "node:fs/promises";
import path from "node:path";

/** Reads the plain-text lexicon in `lexicon/` into one record per word or phrase. Every slip in the data is an error. */

export const MODIFIER_KINDS = [
  "boost",
  "negate",
  "negate-noun",
  "contrast",
  "concede",
  "service",
  "remedy",
  "common",
] as const;
export type ModifierKind = (typeof MODIFIER_KINDS)[number];

export interface Entry {
  /** -4 … +4, one decimal. */
  readonly valence?: number;
  /** Share added to the valence that follows: -1 … +1, two decimals. */
  readonly boost?: number;
  /** Share by which what follows is turned round: 0 … 1, two decimals. */
  readonly negate?: number;
  readonly flags: ReadonlySet<ModifierKind>;
}

export interface Lexicon {
  /** Words and phrases in lower case, words joined by one space. */
  readonly entries: ReadonlyMap<string, Entry>;
  readonly emoticons: ReadonlyMap<string, number>;
  /** Keyed by code point. */
  readonly emoji: ReadonlyMap<number, number>;
}

interface Row {
  readonly head: string;
  readonly items: readonly string[];
  readonly place: string;
}

/** @param folder the plugin's folder, which has `lexicon/*.txt` */
export async function readLexicon(folder: string): Promise<Lexicon> {
  const read = async (name: string): Promise<string> => readFile(path.join(folder, "lexicon", name), "utf8");
  const [positive, negative, phrases, modifiers, emoji, emoticons] = await Promise.all(
    ["positive.txt", "negative.txt", "phrases.txt", "modifiers.txt", "emoji.txt", "emoticons.txt"].map(read),
  );
  const valences = new Map<string, number>();
  addValences(valences, rows("positive.txt", positive, " ").map(expanded));
  addValences(valences, rows("negative.txt", negative, " ").map(expanded));
  addValences(valences, rows("phrases.txt", phrases, ";"));
  const symbols = new Map<string, number>();
  addValences(symbols, rows("emoji.txt", emoji, " "));
  const codePoints = [...symbols].map(([symbol, valence]): [number, number] => {
    const code = symbol.codePointAt(0) ?? 0;
    if (String.fromCodePoint(code) !== symbol) throw new Error(`emoji.txt: ${symbol} is not one code point`);
    return [code, valence];
  });
  const faces = new Map<string, number>();
  addValences(faces, rows("emoticons.txt", emoticons, " "), false);
  return {
    entries: withModifiers(valences, rows("modifiers.txt", modifiers, ";")),
    emoticons: faces,
    emoji: new Map(codePoints),
  };
}

function rows(file: string, source: string | undefined, separator: string): Row[] {
  return (source ?? "").split("\n").flatMap((line, index) => {
    if (line.trim() === "" || line.startsWith("#")) return [];
    const place = `${file}:${index + 1}`;
    const colon = line.indexOf(": ");
    if (colon < 0) throw new Error(`${place}: expected \`value: entries\``);
    const items = line.slice(colon + 2).split(separator);
    return [{ head: line.slice(0, colon), items: items.map((item) => item.trim()).filter(Boolean), place }];
  });
}

/** `annoy||s|ed` → annoy, annoys, annoyed. */
function expanded(row: Row): Row {
  const items = row.items.flatMap((item) => {
    const [stem = "", ...endings] = item.split("|");
    return endings.length === 0 ? [stem] : endings.map((ending) => stem + ending);
  });
  return { ...row, items };
}

function addValences(into: Map<string, number>, from: readonly Row[], normalise = true): void {
  for (const { head, items, place } of from) {
    const valence = Number(head);
    if (!(Math.abs(valence) <= 4)) throw new Error(`${place}: ${head} is not a valence from -4 to 4`);
    for (const item of items) {
      const key = normalise ? item.replaceAll("-", " ") : item;
      if (into.has(key)) throw new Error(`${place}: ${key} is there already`);
      into.set(key, valence);
    }
  }
}

function withModifiers(valences: ReadonlyMap<string, number>, modifiers: readonly Row[]): Map<string, Entry> {
  const entries = new Map<string, Entry>([...valences].map(([key, valence]) => [key, { valence, flags: new Set() }]));
  for (const { head, items, place } of modifiers) {
    const [name = "", value = ""] = head.split(" ");
    const kind = MODIFIER_KINDS.find((known) => known === name);
    if (kind === undefined) throw new Error(`${place}: ${name} is not one of ${MODIFIER_KINDS.join(", ")}`);
    for (const key of items) {
      const entry = entries.get(key) ?? { flags: new Set<ModifierKind>() };
      if (entry.flags.has(kind)) throw new Error(`${place}: ${key} is there already`);
      entries.set(key, { ...entry, ...amount(kind, Number(value)), flags: new Set([...entry.flags, kind]) });
    }
  }
  return entries;
}

function amount(kind: ModifierKind, value: number): { boost: number } | { negate: number } | object {
  if (kind === "boost") return { boost: value };
  return kind === "negate" || kind === "negate-noun" ? { negate: value } : {};
}
