import type { Argument, Command, Option } from "commander";

/** A command as completion and the reference see it. */
export interface CommandRow {
  /** With its parents': `keys create`. */
  readonly path: string;
  readonly usage: string;
  readonly summary: string;
  readonly options: readonly OptionRow[];
  readonly takesFile: boolean;
}

export interface OptionRow {
  readonly flags: string;
  /** Without dashes. */
  readonly long: string;
  readonly short: string | undefined;
  readonly takesValue: boolean;
  readonly summary: string;
}

/** Every command of a program that does something, parents left out, in the order in which they were added. */
export function commandRows(program: Command, parents: readonly string[] = []): CommandRow[] {
  return program.commands.flatMap((command) => {
    const path = [...parents, command.name()];
    return command.commands.length > 0 ? commandRows(command, path) : [rowOf(command, path)];
  });
}

function rowOf(command: Command, path: readonly string[]): CommandRow {
  const words = command.registeredArguments.map((argument: Argument) =>
    argument.required ? `<${argument.name()}>` : `[${argument.name()}]`,
  );
  return {
    path: path.join(" "),
    usage: [...path, ...words].join(" "),
    summary: command.description(),
    options: command.options.map(optionRow),
    takesFile: words.some((word) => /folder|target/.test(word)),
  };
}

function optionRow(option: Option): OptionRow {
  const { flags, description, defaultValue } = option;
  const usual =
    typeof defaultValue === "string" && !description.includes("default") ? ` (default: ${defaultValue})` : "";
  return {
    flags,
    long: (option.long ?? "").replace(/^--/, ""),
    short: option.short?.replace(/^-/, ""),
    takesValue: option.required || option.optional,
    summary: `${description}${usual}`,
  };
}
