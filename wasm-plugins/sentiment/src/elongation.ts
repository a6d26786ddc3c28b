import { find } from "./lexicon";

const LONGEST: i32 = 64;
const candidate = new StaticArray<u8>(64);

/**
 * Shortens runs of three letters or more (`goooood`, `sooo`) to two, or else to one, until the lexicon knows the word.
 * On success the shortened key replaces the bytes at `pointer`.
 *
 * @returns the new length, or 0 where no such word is known
 */
export function shortenedEntry(pointer: usize, length: i32): i32 {
  if (length < 3 || length > LONGEST || !hasRun(pointer, length)) return 0;
  for (let keep = 2; keep >= 1; keep--) {
    const size = shorten(pointer, length, keep);
    if (find(changetype<usize>(candidate), size) >= 0) {
      memory.copy(pointer, changetype<usize>(candidate), size);
      return size;
    }
  }
  return 0;
}

function hasRun(pointer: usize, length: i32): bool {
  for (let i = 2; i < length; i++) {
    const c = load<u8>(pointer + i);
    if (c >= 0x61 && c == load<u8>(pointer + i - 1) && c == load<u8>(pointer + i - 2)) return true;
  }
  return false;
}

function shorten(pointer: usize, length: i32, keep: i32): i32 {
  let size = 0;
  let i = 0;
  while (i < length) {
    const c = load<u8>(pointer + i);
    let run = 1;
    while (i + run < length && load<u8>(pointer + i + run) == c) run++;
    const kept = run >= 3 ? keep : run;
    for (let k = 0; k < kept; k++) candidate[size++] = c;
    i += run;
  }
  return size;
}
