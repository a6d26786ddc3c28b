/**
 * The files of a package that its plugin may read, as one blob: magic and format, length of the index (unsigned, 32 bits,
 * little endian), the index as JSON (`[path, bytes]` for each file, sorted by path), then the files one after the other.
 */

export interface PackageFile {
  /** Relative, with `/` between names; without `.`, `..` and empty names. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

const MAGIC = [0x50, 0x42, 0x46, 1] as const; // "PBF", format 1
const HEAD_BYTES = 8;

/** @returns the blob; the same files give the same bytes, in whatever order they come */
export function encodePackageFiles(files: readonly PackageFile[]): Uint8Array<ArrayBuffer> {
  const sorted = [...files].sort((a, b) => (a.path < b.path ? -1 : 1));
  const index = new TextEncoder().encode(JSON.stringify(sorted.map(({ path, bytes }) => [path, bytes.length])));
  const contents = sorted.reduce((sum, { bytes }) => sum + bytes.length, 0);
  const blob = new Uint8Array(HEAD_BYTES + index.length + contents);
  blob.set(MAGIC);
  new DataView(blob.buffer).setUint32(4, index.length, true);
  blob.set(index, HEAD_BYTES);
  let offset = HEAD_BYTES + index.length;
  for (const { bytes } of sorted) {
    blob.set(bytes, offset);
    offset += bytes.length;
  }
  return blob;
}

/**
 * @param blob  whose digest has been checked, so that nothing but the format is looked at
 * @returns the files, sorted by path; their bytes are windows on the blob
 * @throws {TypeError} for another format
 */
export function decodePackageFiles(blob: Uint8Array): PackageFile[] {
  if (MAGIC.some((byte, at) => blob[at] !== byte)) throw new TypeError("These are not a package's files.");
  const length = new DataView(blob.buffer, blob.byteOffset).getUint32(4, true);
  let offset = HEAD_BYTES + length;
  const index = JSON.parse(new TextDecoder().decode(blob.subarray(HEAD_BYTES, offset))) as [string, number][]; // as encoded above
  return index.map(([path, size]) => {
    const bytes = blob.subarray(offset, offset + size);
    offset += size;
    return { path, bytes };
  });
}
