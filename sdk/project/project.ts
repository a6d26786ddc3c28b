import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { MANIFEST_FILE } from "../contract/manifest.ts";
import { languageOf } from "./languages/languages.ts";
import type { Language } from "./languages/language.ts";
import { UserError } from "./user-error.ts";

/** A folder with a plugin's sources. */
export interface Project {
  readonly folder: string;
  readonly language: Language;
  /** Absolute path of the file that the plugin begins with: of TypeScript the module with the definition. */
  readonly entry: string;
  /** The author's manifest, parsed as JSON and not checked. */
  readonly manifest: Readonly<Record<string, unknown>>;
}

/** @throws {UserError} where there is no manifest, or no entry, or entries of several languages */
export async function openProject(folder: string): Promise<Project> {
  const file = path.join(folder, MANIFEST_FILE);
  if (!existsSync(file)) {
    throw new UserError(
      `There is no ${MANIFEST_FILE} in ${folder}. \`patchbay create <name>\` makes a plugin's folder.`,
    );
  }
  return { folder, ...languageOf(folder), manifest: readManifest(await readFile(file, "utf8")) };
}

function readManifest(text: string): Project["manifest"] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new UserError(`${MANIFEST_FILE} is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new UserError(`${MANIFEST_FILE} must hold an object.`);
  }
  return value as Project["manifest"]; // an object of JSON
}
