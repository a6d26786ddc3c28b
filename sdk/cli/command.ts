import type { Command } from "commander";
import { reportError, type OutputOptions } from "./output.ts";

/** A command as all are. */
export function command(program: Command, usage: string, summary: string): Command {
  return program.command(usage).description(summary).option("--json", "print the result as JSON, alone");
}

/** Says what an author can mend without a stack. */
export async function attempt(options: OutputOptions, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    reportError(error, options);
  }
}
