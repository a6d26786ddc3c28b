import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { matchesFile, parseFilePattern, type FilePattern } from "../contract/file-patterns.ts";
import { MANIFEST_FILE, parseManifestText, type Manifest } from "../contract/manifest.ts";
import { UserError } from "../project/user-error.ts";

/** A publisher's signature of the package, beside its manifest; docs/signing.md. */
export const SIGNATURE_FILE = "signature.json";

/** Files of a package by their path in it, manifest and modules among them. */
export type PackageFiles = ReadonlyMap<string, Uint8Array>;

export interface PackageSource {
  /** Where the manifest and the modules are. */
  readonly folder: string;
  /** Where the files are that the manifest's `files` name: the folder itself, or the project that it was built from. */
  readonly filesFolder?: string;
}

/** Built files and what package managers keep are no part of a plugin. */
const LEFT_OUT = new Set(["node_modules", "dist"]);

/**
 * Collects what belongs into a package: the manifest, the modules that it names, and the files that its `files` select.
 *
 * @throws {UserError} where the manifest or a module is missing; PlatformError MANIFEST_INVALID for a manifest that cannot be read
 */
export async function collectPackage({ folder, filesFolder = folder }: PackageSource): Promise<PackageFiles> {
  const manifestFile = path.join(folder, MANIFEST_FILE);
  if (!existsSync(manifestFile)) throw new UserError(`There is no ${MANIFEST_FILE} in ${folder}.`);
  const text = await readFile(manifestFile);
  const manifest = parseManifestText(text);
  const files = new Map<string, Uint8Array>([[MANIFEST_FILE, text]]);
  for (const name of modulesOf(manifest)) {
    const file = path.join(folder, name);
    if (!existsSync(file)) throw new UserError(`The manifest names ${name}, which is not in ${folder}.`);
    files.set(name, await readFile(file));
  }
  const signature = path.join(folder, SIGNATURE_FILE);
  if (existsSync(signature)) files.set(SIGNATURE_FILE, await readFile(signature));
  const patterns = manifest.files.map((pattern) => parseFilePattern(pattern)).filter((parsed) => parsed !== undefined);
  for (const name of patterns.length > 0 ? await filesOf(filesFolder, patterns) : []) {
    if (!files.has(name)) files.set(name, await readFile(path.join(filesFolder, name)));
  }
  return files;
}

function modulesOf({ wasm, modules }: Manifest): string[] {
  return [wasm, ...modules.map((module) => module.wasm)];
}

/** Sorted, so that the same folder gives the same package. */
async function filesOf(folder: string, patterns: readonly FilePattern[]): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)).split(path.sep))
    .filter(([first = ""]) => !LEFT_OUT.has(first) && !first.startsWith("."))
    .map((names) => names.join("/"))
    .filter((name) => patterns.some((pattern) => matchesFile(pattern, name)))
    .sort();
}
