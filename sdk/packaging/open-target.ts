import { existsSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import path from "node:path";
import { unzipSync } from "fflate";
import { DEFAULT_MODULE_FILE, MANIFEST_FILE } from "../contract/manifest.ts";
import type { PackageForm } from "../inspection/inspection.ts";
import { buildProject } from "../project/build-project.ts";
import { openProject } from "../project/project.ts";
import { UserError } from "../project/user-error.ts";
import { collectPackage, type PackageFiles } from "./package-folder.ts";
import { packageForm } from "./package-form.ts";

/** A package that a word of the command line means. */
export interface PackageTarget {
  readonly kind: "folder" | "archive";
  /** Absolute: of the folder with the manifest and the modules, or of the archive. */
  readonly path: string;
  /** As it is uploaded. */
  readonly form: PackageForm;
  /** @throws {UserError} for an archive that is no ZIP */
  readonly files: PackageFiles;
}

/**
 * The package that a word means: the folder of a project, which is built first; a folder with a manifest and its modules; a module, with the
 * manifest beside it; or an archive.
 *
 * @throws {UserError} where it is none of these
 */
export async function openTarget(word: string): Promise<PackageTarget> {
  const target = path.resolve(word);
  const found = await stat(target).catch(() => undefined); // nothing there is told below
  if (!found) throw new UserError(`There is nothing at ${target}.`);
  if (found.isDirectory())
    return (await isBuilt(target)) ? await folderTarget(target, target) : await buildTarget(target);
  if (!target.endsWith(".wasm")) return archiveTarget(target, await readFile(target));
  const folder = path.dirname(target);
  const manifest = path.join(folder, MANIFEST_FILE);
  if (!existsSync(manifest)) throw new UserError(`There is no ${MANIFEST_FILE} beside ${target}: an upload needs one.`);
  const files = new Map([
    [MANIFEST_FILE, new Uint8Array(await readFile(manifest))],
    [path.basename(target), new Uint8Array(await readFile(target))],
  ]);
  return { kind: "folder", path: folder, files, form: packageForm(files) };
}

async function buildTarget(folder: string): Promise<PackageTarget> {
  const { module } = await buildProject(await openProject(folder));
  return await folderTarget(path.dirname(module), folder);
}

async function folderTarget(folder: string, filesFolder: string): Promise<PackageTarget> {
  const files = await collectPackage({ folder, filesFolder });
  return { kind: "folder", path: folder, files, form: packageForm(files) };
}

/** The platform judges an archive as it is; only signing looks into it here. */
function archiveTarget(file: string, archive: Uint8Array): PackageTarget {
  return {
    kind: "archive",
    path: file,
    form: { kind: "archive", archive },
    get files(): PackageFiles {
      try {
        return new Map(Object.entries(unzipSync(archive)).filter(([name]) => !name.endsWith("/")));
      } catch (error) {
        throw new UserError(`${file} is no ZIP archive: ${error instanceof Error ? error.message : String(error)}.`);
      }
    },
  };
}

/** True where the manifest's own module is there: nothing is left to build. */
async function isBuilt(folder: string): Promise<boolean> {
  const manifest = path.join(folder, MANIFEST_FILE);
  if (!existsSync(manifest)) return false;
  return existsSync(path.join(folder, moduleNamed(await readFile(manifest, "utf8"))));
}

/** What else is wrong with a manifest is told by whoever reads it for good. */
function moduleNamed(text: string): string {
  try {
    const named = (JSON.parse(text) as { readonly wasm?: unknown } | null)?.wasm;
    return typeof named === "string" ? named : DEFAULT_MODULE_FILE;
  } catch {
    return DEFAULT_MODULE_FILE;
  }
}
