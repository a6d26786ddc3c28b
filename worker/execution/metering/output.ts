import type { Additions } from "./additions.ts";
import { CHUNK_BYTES, type CodeBodies } from "./code-section.ts";
import type { ModuleShape } from "./module.ts";
import { keptNames } from "./name-section.ts";
import { HEADER_BYTES, SectionId } from "./sections.ts";
import { ByteWriter } from "./writer.ts";

/** The finished parts of a rewritten module. */
export interface ModuleParts {
  readonly shape: ModuleShape;
  /** Contents of all sections but the code section, in order. */
  readonly sections: ReadonlyMap<number, Uint8Array>;
  readonly code: CodeBodies;
  readonly additions: Additions;
  readonly keepNames: boolean;
  /** Globals of the original have other numbers. */
  readonly globalsMove: boolean;
}

/** Bytes of the whole module. */
export function moduleSize(parts: ModuleParts): number {
  let size = HEADER_BYTES;
  for (const frame of sectionFrames(parts)) size += frame.head.length + frame.length;
  return size;
}

/** The module's bytes in order. Code is written again where it was not kept. */
export function* moduleChunks(parts: ModuleParts): Generator<Uint8Array> {
  yield parts.shape.bytes.slice(0, HEADER_BYTES);
  for (const frame of sectionFrames(parts)) {
    yield frame.head;
    yield* frame.contents();
  }
}

interface Frame {
  /** Number and size of the section. */
  readonly head: Uint8Array;
  /** Bytes behind the head. */
  readonly length: number;
  readonly contents: () => Iterable<Uint8Array>;
}

/** All sections, with the code section before the data section and names at the end. */
function sectionFrames(parts: ModuleParts): Frame[] {
  const frames: Frame[] = [];
  for (const [id, contents] of parts.sections) {
    if (id === SectionId.data) frames.push(codeFrame(parts));
    frames.push({ head: head(id, contents.length), length: contents.length, contents: () => slices(contents) });
  }
  if (!parts.sections.has(SectionId.data)) frames.push(codeFrame(parts));
  if (!parts.keepNames) return frames;
  for (const section of parts.shape.sections.custom) {
    const names = keptNames(parts.shape.bytes, section, parts.globalsMove);
    if (names !== null) {
      frames.push({ head: head(SectionId.custom, names.length), length: names.length, contents: () => slices(names) });
    }
  }
  return frames;
}

function codeFrame({ shape, code, additions }: ModuleParts): Frame {
  const count = new ByteWriter(8);
  count.u32(shape.bodies.length / 2 + additions.functionTypes.length);
  const added = additions.bodyBytes();
  const length = count.length + code.byteLength + added.length;
  return {
    head: head(SectionId.code, length),
    length,
    *contents() {
      yield count.view();
      yield* code.chunks();
      yield* slices(added);
    },
  };
}

function head(id: number, length: number): Uint8Array {
  const writer = new ByteWriter(8);
  writer.byte(id);
  writer.u32(length);
  return writer.bytes();
}

function* slices(bytes: Uint8Array): Generator<Uint8Array> {
  for (let from = 0; from < bytes.length; from += CHUNK_BYTES) yield bytes.subarray(from, from + CHUNK_BYTES);
}
