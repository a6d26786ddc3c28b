import { readFileSync } from "node:fs";
import path from "node:path";
import { Command, CommanderError } from "commander";
import { VALIDATION_MODES } from "../contract/payloads/validation-modes.ts";
import { attempt, command } from "./command.ts";
import { build, type BuildCommandOptions } from "./commands/build.ts";
import { check, type CheckOptions } from "./commands/check.ts";
import { createPlugin, type CreateOptions } from "./commands/create.ts";
import { profile } from "./commands/profile.ts";
import { run, type RunOptions } from "./commands/run.ts";
import { TEMPLATE_NAMES } from "./commands/templates.ts";
import { testPlugin, type TestOptions } from "./commands/test.ts";
import { addDescriptionCommands } from "./description-commands.ts";
import { addMachineCommands } from "./machine-commands.ts";
import { EXIT } from "./output.ts";
import { addExamples, EXAMPLES } from "./examples.ts";
import { addPlatformCommands } from "./platform-commands.ts";
import { addSigningCommands } from "./signing-commands.ts";

const { version } = JSON.parse(readFileSync(path.resolve(import.meta.dirname, "../package.json"), "utf8")) as {
  version: string;
}; // our own file

/** @param argv  as the process has them */
export async function main(argv: readonly string[]): Promise<void> {
  try {
    await patchbay().parseAsync(argv);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error; // commander has said it
  }
}

/** The commands, with their help. Exit codes: 0 done, 1 what was asked for failed, 2 it was asked for wrongly. */
export function patchbay(): Command {
  const program = new Command("patchbay").description("Write, build and test Patchbay plugins.").version(version);
  program.showSuggestionAfterError().showHelpAfterError("(`patchbay help <command>` explains a command.)");
  program.configureHelp({ sortSubcommands: true }).exitOverride((end) => {
    process.exitCode = end.exitCode === 0 ? EXIT.success : EXIT.usage;
    throw end;
  });
  command(program, "create <name>", "make a plugin's folder from a template")
    .option("-t, --template <name>", `one of ${TEMPLATE_NAMES.join(", ")}`, "typescript")
    .option("--id <id>", "the plugin's id, such as acme.shop (default: the folder's name)")
    .option("--author <name>", "who writes it", "you")
    .option("--sdk <version>", "version or file of this package", `^${version}`)
    .action((name: string, options: CreateOptions) => attempt(options, () => createPlugin(name, options)));
  command(program, "build [folder]", "build the plugin of a folder into dist/")
    .option("--eval", "let the plugin evaluate code, which adds a parser to it")
    .action((folder: string | undefined, options: BuildCommandOptions) =>
      attempt(options, () => build(folder ?? ".", options)),
    );
  command(
    program,
    "check [target]",
    "say of a package what an upload would: a project, a built folder, a module or an archive",
  )
    .option("--tenant <id>", "whose upload it would be")
    .action((target: string | undefined, options: CheckOptions) =>
      attempt(options, () => check(target ?? ".", options)),
    );
  command(program, "test [folder]", "build the plugin of a folder and run its cases.json")
    .option("--validate <what>", `what is held against the manifest: ${VALIDATION_MODES.join(", ")}`, "output")
    .option("--host <name>", "where the cases run: patchbay, or extism for Extism's own host", "patchbay")
    .action((folder: string | undefined, options: TestOptions) =>
      attempt(options, () => testPlugin(folder ?? ".", options)),
    );
  command(program, "run <function>", "build the plugin of a folder and call one of its functions")
    .option("-f, --folder <folder>", "the plugin's folder", ".")
    .option("-i, --input <text>", "the input")
    .option("-c, --config <json>", "the configuration, a JSON object")
    .action((name: string, options: RunOptions) => attempt(options, () => run(name, options)));
  command(program, "profile <function>", "build the plugin of a folder, call a function and show where its fuel goes")
    .option("-f, --folder <folder>", "the plugin's folder", ".")
    .option("-i, --input <text>", "the input")
    .option("-c, --config <json>", "the configuration, a JSON object")
    .action((name: string, options: RunOptions) => attempt(options, () => profile(name, options)));
  addSigningCommands(program);
  addDescriptionCommands(program);
  addPlatformCommands(program);
  addMachineCommands(program, version);
  for (const { path: name, lines } of EXAMPLES) addExamples(program, name, lines);
  return program;
}
