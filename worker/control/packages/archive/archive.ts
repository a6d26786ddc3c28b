import { MANIFEST_FILE } from "../../../../sdk/contract/manifest.ts";
import { PACKAGE_LIMITS } from "../../../../sdk/contract/limits.ts";
import { archiveInvalid, entryInvalid, shownName, unpackedTooLarge } from "./archive-error.ts";
import { PathRegistry, safePath } from "./entry-path.ts";
import { windowedAccess, type RandomAccess } from "./random-access.ts";
import { walkTarGz } from "./tar.ts";
import { walkZip } from "./zip.ts";

/**
 * A package archive: checked as a whole once, then one file at a time on request. Nothing is ever unpacked to a place
 * with paths; memory is bounded by the samples, the manifest and the one file asked for.
 */

export type ArchiveFormat = "zip" | "tar.gz";

/** What a reader knows of an entry before its content. */
export interface EntryHeader {
  readonly name: string;
  readonly folder: boolean;
  readonly bytes: number;
  readonly executable: boolean;
}

/** Called per entry; returns where its content goes, or undefined where nobody wants it. */
export type Visit = (header: EntryHeader) => ((chunk: Uint8Array) => void) | undefined;

export interface ArchiveFile {
  readonly path: string;
  readonly bytes: number;
  readonly executable: boolean;
  /** First bytes of the file, for the scan. */
  readonly sample: Uint8Array;
}

export interface Archive {
  readonly format: ArchiveFormat;
  /** Folders are left out. */
  readonly files: readonly ArchiveFile[];
  /** Bytes of `manifest.json`. */
  readonly manifest: Uint8Array;
  /**
   * One file, whole.
   *
   * @throws PlatformError ARCHIVE_INVALID where there is no such file
   */
  read(path: string): Promise<Uint8Array>;
  /** Several files, in one pass through the archive. Memory: all of them. */
  readAll(paths: ReadonlySet<string>): Promise<ReadonlyMap<string, Uint8Array>>;
}

const SAMPLE_BYTES = 64 * 1024;
/** A module is scanned by itself; its magic number is enough here. */
const MODULE_SAMPLE_BYTES = 16;
const ALL_SAMPLES_BYTES = 4 * 1024 * 1024;

/** @returns the format that the first bytes announce, or undefined */
export function archiveFormat(head: Uint8Array): ArchiveFormat | undefined {
  if (head[0] === 0x50 && head[1] === 0x4b && ((head[2] === 3 && head[3] === 4) || (head[2] === 5 && head[3] === 6))) {
    return "zip";
  }
  return head[0] === 0x1f && head[1] === 0x8b ? "tar.gz" : undefined;
}

/**
 * Checks the whole archive: structure, names, sizes, checksums, limits.
 *
 * @throws PlatformError ARCHIVE_INVALID, PACKAGE_TOO_LARGE; each names the entry, the limit and what was found
 */
export async function openArchive(source: RandomAccess): Promise<Archive> {
  const access = windowedAccess(source);
  const format = archiveFormat(await access.read(0, Math.min(4, access.size)));
  if (!format) throw archiveInvalid("it is neither ZIP nor gzip-compressed tar");
  const walk = format === "zip" ? walkZip : walkTarGz;
  const collector = new Collector();
  await walk(access, (header) => collector.visit(header));
  return {
    format,
    files: collector.files(),
    manifest: collector.manifest(),
    read: (path) => readFile((visit) => walk(windowedAccess(source), visit), path),
    readAll: (paths) => readFiles((visit) => walk(windowedAccess(source), visit), paths),
  };
}

async function readFile(walk: (visit: Visit) => Promise<void>, path: string): Promise<Uint8Array> {
  const content = (await readFiles(walk, new Set([path]))).get(path);
  if (!content) throw archiveInvalid(`it has no file ${shownName(path)}`);
  return content;
}

async function readFiles(
  walk: (visit: Visit) => Promise<void>,
  paths: ReadonlySet<string>,
): Promise<Map<string, Uint8Array>> {
  const contents = new Map<string, Uint8Array>();
  await walk((header) => {
    const path = header.folder ? "" : safePath(header.name);
    if (!paths.has(path)) return undefined;
    const bytes = new Uint8Array(header.bytes);
    contents.set(path, bytes);
    return fill(bytes);
  });
  return contents;
}

/** Writes chunks one after the other; what does not fit is left out. */
function fill(target: Uint8Array): (chunk: Uint8Array) => void {
  let filled = 0;
  return (chunk) => {
    const part = chunk.subarray(0, target.length - filled);
    target.set(part, filled);
    filled += part.length;
  };
}

/** Applies the rules that hold for every format while an archive is walked. */
class Collector {
  readonly #paths = new PathRegistry();
  readonly #files: ArchiveFile[] = [];
  readonly #manifests: string[] = [];
  #manifest: Uint8Array | undefined;
  #entries = 0;
  #unpacked = 0;
  #sampled = 0;

  visit(header: EntryHeader): (chunk: Uint8Array) => void {
    if (++this.#entries > PACKAGE_LIMITS.entries) {
      throw archiveInvalid(`it has more than ${PACKAGE_LIMITS.entries} entries`, {
        limit: { name: "entries", used: this.#entries, allowed: PACKAGE_LIMITS.entries },
      });
    }
    const path = safePath(header.name);
    if (path === "") {
      if (!header.folder) throw entryInvalid(header.name, "its name is empty");
      return fill(new Uint8Array(0));
    }
    this.#paths.add(path, header.folder);
    this.#unpacked += header.bytes;
    if (this.#unpacked > PACKAGE_LIMITS.unpackedBytes) throw unpackedTooLarge(path, this.#unpacked);
    if (header.folder) return fill(new Uint8Array(0));
    if (/(^|\/)manifest\.json$/i.test(path)) this.#manifests.push(path);
    return path === MANIFEST_FILE ? this.#takeManifest(header) : this.#takeSample(path, header);
  }

  #takeManifest({ bytes, executable }: EntryHeader): (chunk: Uint8Array) => void {
    if (bytes > PACKAGE_LIMITS.manifestBytes) {
      throw entryInvalid(MANIFEST_FILE, `it has ${bytes} bytes; the limit is ${PACKAGE_LIMITS.manifestBytes}`, {
        limit: { name: "manifestBytes", used: bytes, allowed: PACKAGE_LIMITS.manifestBytes },
      });
    }
    this.#manifest = new Uint8Array(bytes);
    this.#files.push({ path: MANIFEST_FILE, bytes, executable, sample: this.#manifest });
    return fill(this.#manifest);
  }

  #takeSample(path: string, { bytes, executable }: EntryHeader): (chunk: Uint8Array) => void {
    const wanted = path.endsWith(".wasm") ? MODULE_SAMPLE_BYTES : SAMPLE_BYTES;
    const sample = new Uint8Array(
      Math.min(bytes, wanted, Math.max(MODULE_SAMPLE_BYTES, ALL_SAMPLES_BYTES - this.#sampled)),
    );
    this.#sampled += sample.length;
    this.#files.push({ path, bytes, executable, sample });
    return fill(sample);
  }

  files(): readonly ArchiveFile[] {
    return this.#files;
  }

  manifest(): Uint8Array {
    const [first, second] = this.#manifests;
    if (first !== undefined && second !== undefined) {
      throw archiveInvalid(`it has several manifests: ${shownName(first)} and ${shownName(second)}`);
    }
    if (this.#manifest) return this.#manifest;
    const hint = first === undefined ? "" : `; ${shownName(first)} must lie at the root of the archive`;
    throw archiveInvalid(`it has no ${MANIFEST_FILE} at its root${hint}`);
  }
}
