import {
  BOOSTS,
  EMOJI_CODES,
  EMOJI_VALENCES,
  FLAGS,
  KEY_BYTES,
  MAX_PHRASE_WORDS,
  NEGATES,
  OFFSETS,
  SLOTS,
  VALENCES,
} from "./lexicon.generated";

/** Look-up in the generated tables. An entry is its number; -1 is "not in the lexicon". */

export { MAX_PHRASE_WORDS };

export const CONTRAST: u8 = 1;
export const CONCEDE: u8 = 2;
export const SERVICE: u8 = 4;
export const COMMON: u8 = 8;
export const PREFIX: u8 = 16;
export const NOUN_NEGATOR: u8 = 32;
export const EMOTICON: u8 = 64;
export const REMEDY: u8 = 128;

const NO_VALENCE: i8 = 127;

/** @returns the entry whose key has exactly these Latin-1 bytes, or -1 */
export function find(pointer: usize, length: i32): i32 {
  let hash: u32 = 0x811c9dc5;
  for (let i = 0; i < length; i++) hash = (hash ^ (<u32>load<u8>(pointer + i))) * 0x01000193;
  const mask = SLOTS.length - 1;
  let slot = (<i32>hash) & mask;
  while (true) {
    const entry = <i32>unchecked(SLOTS[slot]) - 1;
    if (entry < 0) return -1;
    const start = <i32>unchecked(OFFSETS[entry]);
    const size = <i32>unchecked(OFFSETS[entry + 1]) - start;
    if (size == length && memory.compare(changetype<usize>(KEY_BYTES) + start, pointer, length) == 0) return entry;
    slot = (slot + 1) & mask;
  }
}

export function hasValence(entry: i32): bool {
  return VALENCES[entry] != NO_VALENCE;
}

/** -4 … +4 */
export function valence(entry: i32): f64 {
  return <f64>VALENCES[entry] / 10;
}

/** Share added to the valence that follows; 0 where the entry is no booster. */
export function boost(entry: i32): f64 {
  return <f64>BOOSTS[entry] / 100;
}

/** Share by which the entry turns round what follows; 0 where it is no negator. */
export function negates(entry: i32): f64 {
  return <f64>NEGATES[entry] / 100;
}

export function has(entry: i32, flag: u8): bool {
  return (FLAGS[entry] & flag) != 0;
}

/** @returns the number of the emoji in the table, or -1 */
export function findEmoji(code: u32): i32 {
  let low = 0;
  let high = EMOJI_CODES.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const found = EMOJI_CODES[middle];
    if (found == code) return middle;
    if (found < code) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}

/** -4 … +4 */
export function emojiValence(emoji: i32): f64 {
  return <f64>EMOJI_VALENCES[emoji] / 10;
}
