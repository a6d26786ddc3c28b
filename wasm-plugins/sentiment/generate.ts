import path from "node:path";
import { readLexicon, type Entry, type Lexicon, type ModifierKind } from "./lexicon-source.ts";

/**
 * Turns the lexicon into `src/lexicon.generated.ts`: constant arrays that the compiler places in the module's data, so
 * that a fresh instance has its lexicon without any work. Look-up is open addressing over the FNV-1a hash of the key.
 */

/** `valence` of an entry that has none. */
const NO_VALENCE = 127;
const FLAGS: Readonly<Record<TableFlag, number>> = {
  contrast: 1,
  concede: 2,
  service: 4,
  common: 8,
  prefix: 16,
  emoticon: 64,
  remedy: 128,
  "negate-noun": 32,
  boost: 0,
  negate: 0,
};
type TableFlag = ModifierKind | "prefix" | "emoticon";
/** Offsets have 16 bits. */
const MAX_OFFSET = 0xffff;
/** Keys and names as Latin-1; the tokeniser maps everything above to a byte that no key has. */
const MAX_LATIN1 = 0xff;

export interface GeneratedFile {
  /** Relative to the plugin's folder. */
  readonly path: string;
  readonly text: string;
}

/** The build calls this before it compiles the plugin. */
export async function generate(folder: string): Promise<GeneratedFile[]> {
  const lexicon = await readLexicon(folder);
  return [{ path: path.join("src", "lexicon.generated.ts"), text: lexiconModule(lexicon) }];
}

function lexiconModule(lexicon: Lexicon): string {
  const entries = withPrefixes(lexicon.entries);
  const keys = [...entries.keys(), ...lexicon.emoticons.keys()].sort();
  const records = keys.map((key) => entries.get(key) ?? emoticonEntry(lexicon.emoticons.get(key)));
  const emoticons = [...lexicon.emoticons.keys()];
  return [
    "// Generated from lexicon/*.txt; do not edit.",
    `export const ENTRIES: i32 = ${lexicon.entries.size};`,
    `export const EMOJI: i32 = ${lexicon.emoji.size};`,
    `export const EMOTICONS: i32 = ${emoticons.length};`,
    `export const MAX_PHRASE_WORDS: i32 = ${Math.max(...keys.map((key) => key.split(" ").length))};`,
    `export const MAX_EMOTICON: i32 = ${Math.max(...emoticons.map((emoticon) => emoticon.length))};`,
    `export const EMOTICON_STARTS = ${JSON.stringify([...new Set(emoticons.map((emoticon) => emoticon.charAt(0)))].join(""))};`,
    ...keyTables(keys),
    ...recordTables(records),
    ...emojiTables([...lexicon.emoji].sort(([a], [b]) => a - b)),
    "",
  ].join("\n");
}

function keyTables(keys: readonly string[]): string[] {
  const bytes = keys.flatMap((key) => [...latin1(key)]);
  if (bytes.length > MAX_OFFSET) {
    throw new Error(`lexicon: ${bytes.length} bytes of keys; the table holds ${MAX_OFFSET}`);
  }
  const offsets = [0];
  for (const key of keys) offsets.push((offsets.at(-1) ?? 0) + key.length);
  return [array("SLOTS", "u16", slots(keys)), array("OFFSETS", "u16", offsets), array("KEY_BYTES", "u8", bytes)];
}

function recordTables(records: readonly TableEntry[]): string[] {
  const column = (name: string, type: string, cell: (record: TableEntry) => number): string =>
    array(name, type, records.map(cell));
  return [
    column("VALENCES", "i8", ({ valence }) => (valence === undefined ? NO_VALENCE : Math.round(valence * 10))),
    column("BOOSTS", "i8", ({ boost }) => Math.round((boost ?? 0) * 100)),
    column("NEGATES", "u8", ({ negate }) => Math.round((negate ?? 0) * 100)),
    column("FLAGS", "u8", ({ flags }) => flags.reduce((sum, flag) => sum | FLAGS[flag], 0)),
  ];
}

/** @param emoji code points and valences, in order of code points */
function emojiTables(emoji: readonly (readonly [number, number])[]): string[] {
  const codes = emoji.map(([code]) => code);
  const valences = emoji.map(([, valence]) => Math.round(valence * 10));
  return [array("EMOJI_CODES", "u32", codes), array("EMOJI_VALENCES", "i8", valences)];
}

function emoticonEntry(valence = 0): TableEntry {
  return { valence, flags: ["emoticon"] };
}

type TableEntry = Omit<Entry, "flags"> & { readonly flags: readonly TableFlag[] };

/** The first word of every phrase is a key too, so that other words need no look-up of phrases. */
function withPrefixes(entries: ReadonlyMap<string, Entry>): Map<string, TableEntry> {
  const table = new Map<string, TableEntry>(
    [...entries].map(([key, entry]) => [key, { ...entry, flags: [...entry.flags] }]),
  );
  for (const key of entries.keys()) {
    const [first = ""] = key.split(" ");
    if (first === key) continue;
    const entry = table.get(first) ?? { flags: [] };
    if (!entry.flags.includes("prefix")) table.set(first, { ...entry, flags: [...entry.flags, "prefix"] });
  }
  return table;
}

/** Slot → key number + 1; 0 is free. At most half full, so that a miss ends after a step or two. */
function slots(keys: readonly string[]): number[] {
  let size = 1;
  while (size < keys.length * 2) size *= 2;
  const table = Array.from({ length: size }, () => 0);
  for (const [index, key] of keys.entries()) {
    let slot = fnv1a(latin1(key)) & (size - 1);
    while (table[slot] !== 0) slot = (slot + 1) & (size - 1);
    table[slot] = index + 1;
  }
  return table;
}

/** FNV-1a, 32 bits (draft-eastlake-fnv). */
function fnv1a(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}

function latin1(key: string): Uint8Array {
  const codes = Array.from({ length: key.length }, (_, index) => key.charCodeAt(index));
  const wide = codes.find((code) => code > MAX_LATIN1);
  if (wide !== undefined) throw new Error(`lexicon: ${key} has a character outside Latin-1`);
  return Uint8Array.from(codes);
}

function array(name: string, type: string, values: readonly number[]): string {
  return `export const ${name}: StaticArray<${type}> = [${values.join(",")}];`;
}
