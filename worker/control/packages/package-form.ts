import { crc32 } from "./archive/crc32.ts";
import { MANIFEST_FILE } from "../../../sdk/contract/manifest.ts";

/**
 * The package that a bare module and its manifest stand for: a ZIP archive with both, stored and without times, so that
 * the same two files always give the same bytes. It can be uploaded again as an archive.
 */

const VERSION_NEEDED = 10;
/** Made by version 2.0 on Unix, so that the mode counts. */
const MADE_BY = (3 << 8) | 20;
const REGULAR_FILE = 0o100644 << 16;
/** 1980-01-01, the earliest date that ZIP can say. */
const DATE = 0x21;

interface Entry {
  readonly name: Uint8Array;
  readonly content: Uint8Array;
  readonly crc: number;
}

/**
 * @param manifest    bytes of the manifest
 * @param module      bytes of the module
 * @param modulePath  where the manifest says the module is
 * @returns the archive in pieces; the two given arrays are among them, not copied
 */
export function canonicalPackage(manifest: Uint8Array, module: Uint8Array, modulePath: string): Uint8Array[] {
  const entries = [entry(MANIFEST_FILE, manifest), entry(modulePath, module)];
  const pieces: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const item of entries) {
    const local = fields([4, 0x04034b50], ...common(item), [2, 0]);
    directory.push(
      fields(
        [4, 0x02014b50],
        [2, MADE_BY],
        ...common(item),
        [2, 0], // extra fields
        [2, 0], // comment
        [2, 0], // disk
        [2, 0], // internal attributes
        [4, REGULAR_FILE >>> 0],
        [4, offset],
      ),
      item.name,
    );
    pieces.push(local, item.name, item.content);
    offset += local.length + item.name.length + item.content.length;
  }
  const directoryBytes = directory.reduce((sum, piece) => sum + piece.length, 0);
  const counts: [2, number][] = [
    [2, 0],
    [2, 0],
    [2, entries.length],
    [2, entries.length],
  ];
  const end = fields([4, 0x06054b50], ...counts, [4, directoryBytes], [4, offset], [2, 0]);
  return [...pieces, ...directory, end];
}

function entry(name: string, content: Uint8Array): Entry {
  return { name: new TextEncoder().encode(name), content, crc: crc32(content) };
}

/** From "version needed" to the length of the name, equal in both headers (APPNOTE 4.3.7, 4.3.12). */
function common({ name, content, crc }: Entry): [2 | 4, number][] {
  return [
    [2, VERSION_NEEDED],
    [2, 0],
    [2, 0],
    [2, 0],
    [2, DATE],
    [4, crc],
    [4, content.length],
    [4, content.length],
    [2, name.length],
  ];
}

/** Little-endian fields of 2 or 4 bytes. */
function fields(...values: readonly (readonly [2 | 4, number])[]): Uint8Array {
  const bytes = new Uint8Array(values.reduce((sum, [width]) => sum + width, 0));
  let offset = 0;
  for (const [width, value] of values) {
    for (let index = 0; index < width; index++) bytes[offset++] = (value >>> (8 * index)) & 0xff;
  }
  return bytes;
}
