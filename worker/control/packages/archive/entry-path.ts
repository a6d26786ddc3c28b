import { PACKAGE_LIMITS } from "../../../../sdk/contract/limits.ts";
import { entryInvalid, shownName } from "./archive-error.ts";

/** What an entry may be called. Packages are only read here, but authors and tools unpack them on real file systems. */

/** C0, DEL and C1 controls, and characters that reorder the text around them. */
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/; // eslint-disable-line no-control-regex -- they are what is looked for

/**
 * Checks an entry's name and strips a leading `./`, which tar writes.
 *
 * @param raw  the name as stored; folders end in `/`
 * @returns the path without a trailing `/`; empty for the archive's own root folder
 * @throws PlatformError ARCHIVE_INVALID
 */
export function safePath(raw: string): string {
  const bytes = new TextEncoder().encode(raw).length;
  if (bytes > PACKAGE_LIMITS.pathBytes) {
    throw entryInvalid(raw, `its name has ${bytes} bytes; the limit is ${PACKAGE_LIMITS.pathBytes}`, {
      limit: { name: "pathBytes", used: bytes, allowed: PACKAGE_LIMITS.pathBytes },
    });
  }
  if (raw === "") throw entryInvalid(raw, "its name is empty");
  if (CONTROL.test(raw)) throw entryInvalid(raw, "its name contains a control character");
  if (raw.includes("\\")) throw entryInvalid(raw, "its name contains a backslash");
  if (raw.startsWith("/")) throw entryInvalid(raw, "its path is absolute");
  if (/^[A-Za-z]:/.test(raw)) throw entryInvalid(raw, "its path starts with a drive letter");
  const path = raw.replace(/^\.(\/|$)/, "").replace(/\/$/, "");
  if (path === "") return "";
  for (const segment of path.split("/")) {
    if (segment === "..") throw entryInvalid(raw, "its path leaves the package with `..`");
    if (segment === "" || segment === ".") throw entryInvalid(raw, "its path has an empty or `.` segment");
  }
  return path;
}

/** Remembers the paths of an archive and refuses those that some file system would take for the same. */
export class PathRegistry {
  readonly #byFolded = new Map<
    string,
    { readonly path: string; readonly folder: boolean; readonly implied: boolean }
  >();

  /** @throws PlatformError ARCHIVE_INVALID where the path, or a folder of it, collides with an earlier one */
  add(path: string, folder: boolean): void {
    const segments = path.split("/");
    for (let count = 1; count < segments.length; count++) {
      this.#place(segments.slice(0, count).join("/"), true, true, path);
    }
    this.#place(path, folder, false, path);
  }

  #place(path: string, folder: boolean, implied: boolean, entry: string): void {
    const folded = path.normalize("NFKC").toLowerCase();
    const earlier = this.#byFolded.get(folded);
    if (earlier) {
      if (earlier.path !== path) throw entryInvalid(entry, collision(path, earlier.path));
      if (earlier.folder !== folder) throw entryInvalid(entry, `${shownName(path)} is a file and a folder`);
      if (!earlier.implied && !implied) throw entryInvalid(entry, "its name appears twice");
    }
    this.#byFolded.set(folded, { path, folder, implied: implied && (earlier?.implied ?? true) });
  }
}

function collision(path: string, earlier: string): string {
  const sameCase = path.normalize("NFKC") === earlier.normalize("NFKC");
  return sameCase
    ? `its name equals ${shownName(earlier)} once Unicode is normalised`
    : `its name differs from ${shownName(earlier)} only in case`;
}
