import { STRUCTURE_LIMITS } from "./module.ts";
import { ByteReader } from "./reader.ts";
import { WasmRefusal } from "./refusal.ts";

/** Section numbers (specification §5.5.2). */
export const SectionId = {
  custom: 0,
  type: 1,
  import: 2,
  function: 3,
  table: 4,
  memory: 5,
  global: 6,
  export: 7,
  start: 8,
  element: 9,
  code: 10,
  data: 11,
  dataCount: 12,
  tag: 13,
} as const;

/** The order in which sections may stand; tags and the data count were added to the format later. */
export const SECTION_ORDER: readonly number[] = [
  SectionId.type,
  SectionId.import,
  SectionId.function,
  SectionId.table,
  SectionId.memory,
  SectionId.tag,
  SectionId.global,
  SectionId.export,
  SectionId.start,
  SectionId.element,
  SectionId.dataCount,
  SectionId.code,
  SectionId.data,
];

/** Where the contents of a section are, without its number and size. */
export interface Section {
  readonly id: number;
  readonly start: number;
  readonly end: number;
}

export interface SectionTable {
  /** In file order, at most one of each number. */
  readonly known: readonly Section[];
  readonly custom: readonly Section[];
}

const CUSTOM_SECTION_LIMIT = 10_000;
const HEADER = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
export const HEADER_BYTES = HEADER.length;

/**
 * Reads the header and the frame of every section of a core module.
 * Throws WASM_MALFORMED for another magic number, version, order or size, WASM_UNSUPPORTED for a section number
 * that is not known, WASM_LIMIT for too many custom sections.
 */
export function readSections(reader: ByteReader): SectionTable {
  if (HEADER.some((byte, at) => reader.bytes[at] !== byte)) {
    reader.malformed("the bytes do not start as a WebAssembly core module, version 1", 0);
  }
  reader.position = HEADER_BYTES;
  const known: Section[] = [];
  const custom: Section[] = [];
  let rank = -1;
  while (reader.remaining > 0) {
    const offset = reader.position;
    const section = readFrame(reader);
    if (section.id === SectionId.custom) {
      new ByteReader(reader.bytes, section.start, section.end).name();
      custom.push(section);
      if (custom.length > CUSTOM_SECTION_LIMIT) {
        throw new WasmRefusal("WASM_LIMIT", `more than ${CUSTOM_SECTION_LIMIT} custom sections`, offset);
      }
      continue;
    }
    const next = SECTION_ORDER.indexOf(section.id);
    if (next < 0) throw new WasmRefusal("WASM_UNSUPPORTED", `unknown section ${section.id}`, offset);
    const size = section.end - section.start;
    if (size > STRUCTURE_LIMITS.sectionBytes && section.id !== SectionId.code && section.id !== SectionId.data) {
      const detail = `section ${section.id} has ${size} bytes, the limit is ${STRUCTURE_LIMITS.sectionBytes}`;
      throw new WasmRefusal("WASM_LIMIT", detail, offset);
    }
    if (next <= rank) reader.malformed(`section ${section.id} is out of order or repeated`, offset);
    rank = next;
    known.push(section);
  }
  return { known, custom };
}

function readFrame(reader: ByteReader): Section {
  const id = reader.byte();
  const size = reader.u32();
  const start = reader.position;
  reader.skip(size);
  return { id, start, end: reader.position };
}
