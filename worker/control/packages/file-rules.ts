import { matchesFile, parseFilePattern } from "../../../sdk/contract/file-patterns.ts";
import { PACKAGE_LIMITS } from "../../../sdk/contract/limits.ts";
import { MANIFEST_FILE, manifestInvalid, type Manifest } from "../../../sdk/contract/manifest.ts";
import type { ArchiveFile } from "./archive/archive.ts";

/** A file that the manifest names. */
interface NamedModule {
  readonly path: string;
  /** JSON pointer of where it is named. */
  readonly pointer: string;
}

/** @throws PlatformError MANIFEST_INVALID where a module that the manifest names is not in the package */
export function requireModules({ wasm, modules }: Manifest, files: readonly ArchiveFile[]): void {
  const named: NamedModule[] = [
    { path: wasm, pointer: "/wasm" },
    ...modules.map((entry, at) => ({ path: entry.wasm, pointer: `/modules/${at}/wasm` })),
  ];
  const issues = named
    .filter(({ path }) => !files.some((file) => file.path === path))
    .map(({ path, pointer }) => ({
      path: pointer,
      message: `names ${JSON.stringify(path)}, which is not in the package`,
    }));
  if (issues.length > 0) throw manifestInvalid(issues);
}

/**
 * The files of a package that its plugin may read: those that a pattern of the manifest matches, without the manifest and
 * the modules, which it has no use for.
 *
 * @returns in the order of the archive
 * @throws PlatformError MANIFEST_INVALID for a pattern that matches nothing, and for more than the limits allow
 */
export function selectFiles(manifest: Manifest, files: readonly ArchiveFile[]): readonly ArchiveFile[] {
  const excluded = new Set([MANIFEST_FILE, manifest.wasm, ...manifest.modules.map(({ wasm }) => wasm)]);
  const eligible = files.filter(({ path }) => !excluded.has(path));
  const patterns = manifest.files.map((text) => parseFilePattern(text));
  const matches = (at: number, { path }: ArchiveFile): boolean => {
    const pattern = patterns[at];
    return pattern !== undefined && matchesFile(pattern, path);
  };
  const unmatched = manifest.files.flatMap((text, at) =>
    eligible.some((file) => matches(at, file))
      ? []
      : [{ path: `/files/${at}`, message: `matches no file of the package: ${JSON.stringify(text)}` }],
  );
  if (unmatched.length > 0) throw manifestInvalid(unmatched);
  const selected = eligible.filter((file) => patterns.some((_pattern, at) => matches(at, file)));
  requireWithin("readableFiles", selected.length, "files");
  requireWithin(
    "readableFileBytes",
    selected.reduce((sum, { bytes }) => sum + bytes, 0),
    "bytes of files",
  );
  return selected;
}

function requireWithin(limit: "readableFiles" | "readableFileBytes", used: number, what: string): void {
  const allowed = PACKAGE_LIMITS[limit];
  if (used <= allowed) return;
  throw manifestInvalid([{ path: "/files", message: `selects ${used} ${what}; the limit ${limit} is ${allowed}` }]);
}
