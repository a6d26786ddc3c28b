import { zipSync } from "fflate";
import { MANIFEST_FILE } from "../contract/manifest.ts";
import type { PackageForm } from "../inspection/inspection.ts";
import type { PackageFiles } from "./package-folder.ts";

/** The first time that a ZIP archive can tell: the same files give the same archive whenever and wherever it is made. */
const ZIP_EPOCH = new Date(1980, 0, 1);

/** What is uploaded of these files: a module and its manifest as they are where there is nothing else, else an archive. */
export function packageForm(files: PackageFiles): PackageForm {
  const [manifest, ...modules] = [...files].sort(([name]) => (name === MANIFEST_FILE ? -1 : 1));
  const [module] = modules;
  if (manifest && module && modules.length === 1 && module[0].endsWith(".wasm")) {
    return { kind: "module", manifest: manifest[1], wasm: module[1] };
  }
  return { kind: "archive", archive: archiveOf(files) };
}

/** A ZIP archive; the same files give the same bytes. */
export function archiveOf(files: PackageFiles): Uint8Array {
  const sorted = [...files].sort(([a], [b]) => (a < b ? -1 : 1));
  return zipSync(Object.fromEntries(sorted.map(([name, content]) => [name, [content, { mtime: ZIP_EPOCH }]])));
}
