import { ByteReader } from "./reader.ts";
import { WasmRefusal } from "./refusal.ts";
import type { Section } from "./sections.ts";
import { ByteWriter } from "./writer.ts";

export const NAME_SECTION = "name";

/** Subsections whose indices change: names of locals and of labels; those of globals where globals move. */
const LOCAL_NAMES = 2;
const LABEL_NAMES = 3;
const GLOBAL_NAMES = 7;

/**
 * Copies the contents of a "name" section without what is no longer right after rewriting.
 * @returns null where the section is not a name section, or is damaged: names are never a reason to refuse
 */
export function keptNames(bytes: Uint8Array, section: Section, globalsMove: boolean): Uint8Array | null {
  const reader = new ByteReader(bytes, section.start, section.end);
  try {
    return copyNames(reader, globalsMove);
  } catch (error) {
    if (error instanceof WasmRefusal) return null;
    throw error;
  }
}

function copyNames(reader: ByteReader, globalsMove: boolean): Uint8Array | null {
  if (reader.name() !== NAME_SECTION) return null;
  const writer = new ByteWriter(reader.remaining);
  writer.text(NAME_SECTION);
  while (reader.remaining > 0) {
    const start = reader.position;
    const id = reader.byte();
    reader.skip(reader.u32());
    const moves = id === LOCAL_NAMES || id === LABEL_NAMES || (globalsMove && id === GLOBAL_NAMES);
    if (!moves) writer.copy(reader.bytes, start, reader.position);
  }
  return writer.bytes();
}
