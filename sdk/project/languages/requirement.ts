import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { UserError } from "../user-error.ts";

const run = promisify(execFile);

/** A compiler or another tool that a language needs and the SDK does not bring. `patchbay doctor` checks the same. */
export interface Requirement {
  /** For people, in a sentence after "needs": `clang with lld`. */
  readonly name: string;
  /**
   * Commands that may be it, best first, each with the arguments by which it says its version: `[["clang", "--version"]]`. Looked up
   * in PATH where the command is a name. `folder` is the project's, for tools that the project installs itself.
   */
  readonly candidates: (folder: string) => readonly (readonly [command: string, ...args: string[]])[];
  /** Finds the version in what it says; its first group is the version. */
  readonly version: RegExp;
  /** The oldest that works, as numbers with dots between: `1.24`. */
  readonly minimum?: string;
  /**
   * What a command lacks although it is there, such as the standard library of a target: a part of a sentence, undefined where it
   * has everything. The next candidate is asked then.
   */
  readonly lacks?: (command: string) => Promise<string | undefined>;
  /** How to install it, one or two sentences. */
  readonly install: string;
}

/** A requirement that is met. */
export interface Compiler {
  readonly command: string;
  readonly version: string;
}

export type RequirementCheck = { readonly compiler: Compiler } | { readonly problem: string };

/**
 * Looks for what a requirement asks for, without an error where it is missing.
 *
 * @param folder  the project's, or any
 */
export async function checkRequirement(requirement: Requirement, folder: string): Promise<RequirementCheck> {
  const problems: string[] = [];
  for (const [command, ...args] of requirement.candidates(folder)) {
    const said = await output(command, args);
    const version = said === undefined ? undefined : requirement.version.exec(said)?.[1];
    if (version === undefined) continue;
    const { minimum } = requirement;
    const old = minimum !== undefined && isOlder(version, minimum);
    const problem = old ? `is ${version}, and at least ${minimum} is needed` : await requirement.lacks?.(command);
    if (problem === undefined) return { compiler: { command, version } };
    problems.push(`${command} ${problem}`);
  }
  return { problem: problems.join("; ") || "it is not installed" };
}

/**
 * @param folder  the project's
 * @throws {UserError} where it is missing, with what to install
 */
export async function findCompiler(language: string, requirement: Requirement, folder: string): Promise<Compiler> {
  const found = await checkRequirement(requirement, folder);
  if ("compiler" in found) return found.compiler;
  throw new UserError(`A plugin in ${language} needs ${requirement.name}: ${found.problem}.`, requirement.install);
}

/** @returns what a command prints, undefined where there is no such command or it fails */
export async function output(command: string, args: readonly string[]): Promise<string | undefined> {
  return await run(command, args).then(
    ({ stdout, stderr }) => stdout + stderr,
    () => undefined, // missing and broken are the same to whoever looks for one that works
  );
}

function isOlder(version: string, minimum: string): boolean {
  const numbers = version.split(".").map(Number);
  for (const [at, wanted] of minimum.split(".").map(Number).entries()) {
    const found = numbers[at] ?? 0;
    if (found !== wanted) return found < wanted;
  }
  return false;
}
