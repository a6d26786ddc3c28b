import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { describeProject } from "../../project/describe-project.ts";
import { openProject } from "../../project/project.ts";
import { UserError } from "../../project/user-error.ts";
import { generateTypes, isTypesLanguage, TYPES_LANGUAGES } from "../../types/generate.ts";
import { EXIT, show, type OutputOptions } from "../output.ts";

export interface TypesOptions extends OutputOptions {
  /** The project's own where nothing is said. */
  readonly language?: string;
  readonly out?: string;
  readonly package?: string;
  readonly check?: boolean;
}

/** Writes the types of what a project's manifest describes, or says whether a file still has them. */
export async function types(folder: string, options: TypesOptions): Promise<void> {
  const { out, check = false } = options;
  const project = await openProject(path.resolve(folder));
  const language = options.language ?? project.language.name;
  if (!isTypesLanguage(language)) {
    throw new UserError(`There are no types for ${language}; there are for ${TYPES_LANGUAGES.join(", ")}.`);
  }
  if (check && out === undefined) throw new UserError("--check needs --out, the file to be checked.");
  const named = options.package === undefined ? {} : { package: options.package };
  const text = generateTypes(await describeProject(project), language, named);
  if (out === undefined) {
    show({ language, text }, [text.trimEnd()], options);
    return;
  }
  const file = path.resolve(out);
  const isCurrent = existsSync(file) && (await readFile(file, "utf8")) === text;
  if (check) {
    show(
      { language, file, current: isCurrent },
      [`${out} ${isCurrent ? "is current" : stale(folder, language, out)}`],
      options,
    );
    if (!isCurrent) process.exitCode = EXIT.failure;
    return;
  }
  await mkdir(path.dirname(file), { recursive: true });
  // A file that is written anew is compiled anew by whoever watches it.
  if (!isCurrent) await writeFile(file, text);
  show({ language, file, changed: !isCurrent }, [`${out} ${isCurrent ? "was current" : "written"}`], options);
}

function stale(folder: string, language: string, out: string): string {
  return `is not what the manifest says: run \`patchbay types ${folder} --language ${language} --out ${out}\`.`;
}
