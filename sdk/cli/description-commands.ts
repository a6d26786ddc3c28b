import type { Command } from "commander";
import { TYPES_LANGUAGES } from "../types/generate.ts";
import { attempt, command } from "./command.ts";
import { docs, type DocsOptions } from "./commands/docs.ts";
import { types, type TypesOptions } from "./commands/types.ts";

/** Commands that make something of what a manifest describes. */
export function addDescriptionCommands(program: Command): void {
  command(program, "types [folder]", "write the types of what a plugin's manifest describes")
    .option("-l, --language <name>", `one of ${TYPES_LANGUAGES.join(", ")} (default: the plugin's own)`)
    .option("-o, --out <file>", "the file to write (default: the standard output)")
    .option("--package <name>", "of Go, the file's package (default: main)")
    .option("--check", "write nothing; fail where the file is not what it would be")
    .action((folder: string | undefined, options: TypesOptions) =>
      attempt(options, () => types(folder ?? ".", options)),
    );
  command(
    program,
    "docs [folder]",
    "write a plugin's documentation from what its manifest describes, its cases and README",
  )
    .option("-o, --out <folder>", "where to write plugin.md and plugin.html (default: dist/docs in the folder)")
    .action((folder: string | undefined, options: DocsOptions) => attempt(options, () => docs(folder ?? ".", options)));
}
