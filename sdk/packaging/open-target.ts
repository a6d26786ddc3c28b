import { existsSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import path from "node:path";
import { DEFAULT_MODULE_FILE, MANIFEST_FILE } from "../contract/manifest.ts";
import type { PackageForm } from "../inspection/inspection.ts";
import { buildProject } from "../project/build-project.ts";
import { openProject } from "../project/project.ts";
import { UserError } from "../project/user-error.ts";
import { collectPackage } from "./package-folder.ts";
import { packageForm } from "./package-form.ts";

export interface PackageTarget {
  readonly form: PackageForm;
  /** What it was made from, as a person would name it. */
  readonly from: string;
}

/**
 * The package that a word of the command line means: the folder of a project, which is built first; a folder with a manifest and its
 * modules; a module, with the manifest beside it; or an archive.
 *
 * @throws {UserError} where it is none of these
 */
export async function openTarget(word: string): Promise<PackageTarget> {
  const target = path.resolve(word);
  const found = await stat(target).catch(() => undefined); // nothing there is told below
  if (found?.isDirectory()) return await openFolder(target);
  if (!found) throw new UserError(`There is nothing at ${target}.`);
  if (!target.endsWith(".wasm")) return { form: { kind: "archive", archive: await readFile(target) }, from: target };
  const manifest = path.join(path.dirname(target), MANIFEST_FILE);
  if (!existsSync(manifest)) {
    throw new UserError(`There is no ${MANIFEST_FILE} beside ${target}: an upload needs one.`);
  }
  return { form: { kind: "module", manifest: await readFile(manifest), wasm: await readFile(target) }, from: target };
}

async function openFolder(folder: string): Promise<PackageTarget> {
  if (await isBuilt(folder)) return { form: packageForm(await collectPackage({ folder })), from: folder };
  const { module } = await buildProject(await openProject(folder));
  const built = path.dirname(module);
  return { form: packageForm(await collectPackage({ folder: built, filesFolder: folder })), from: folder };
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
