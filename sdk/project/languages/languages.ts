import { existsSync } from "node:fs";
import path from "node:path";
import { UserError } from "../user-error.ts";
import { assemblyscript } from "./assemblyscript.ts";
import { c } from "./c.ts";
import { go } from "./go.ts";
import type { Language } from "./language.ts";
import { rust } from "./rust.ts";
import { typescript } from "./typescript.ts";
import { zig } from "./zig.ts";

/** The languages that `patchbay build` knows, in the order in which they are asked whether a project is theirs. */
export const LANGUAGES: readonly Language[] = [typescript, assemblyscript, c, rust, go, zig];

/** A project's language, and the file that says so. */
export interface FoundLanguage {
  readonly language: Language;
  /** Absolute. */
  readonly entry: string;
}

/**
 * @param folder  the project's
 * @throws {UserError} where no language has an entry in it, or several have
 */
export function languageOf(folder: string): FoundLanguage {
  const found = LANGUAGES.flatMap((language) => {
    const entry = language.entries.map((name) => path.join(folder, name)).find((file) => existsSync(file));
    return entry === undefined ? [] : [{ language, entry }];
  });
  const [first, second] = found;
  if (first === undefined) {
    const names = LANGUAGES.map(({ title, entries }) => `${title}: ${entries.join(" or ")}`);
    throw new UserError(`There is no plugin in ${folder}; its entry may be`, names.join("\n"));
  }
  if (second !== undefined) {
    const names = found.map(({ language, entry }) => `${path.relative(folder, entry)} (${language.title})`);
    throw new UserError(`There are entries of several languages in ${folder}: ${names.join(", ")}. Keep one.`);
  }
  return first;
}
