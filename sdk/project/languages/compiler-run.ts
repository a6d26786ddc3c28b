import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { UserError } from "../user-error.ts";

const run = promisify(execFile);
const OUTPUT_BYTES = 16 * 1024 * 1024;

export interface CompilerRun {
  readonly command: string;
  readonly args: readonly string[];
  /** The project's: places in the compiler's messages are relative to it. */
  readonly folder: string;
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Runs a compiler in the project's folder.
 *
 * @returns its warnings, as it wrote them; empty where there are none
 * @throws {UserError} for what does not compile, with all that the compiler said
 */
export async function runCompiler({ command, args, folder, env }: CompilerRun): Promise<string> {
  try {
    const options = { cwd: folder, maxBuffer: OUTPUT_BYTES, ...(env ? { env: { ...process.env, ...env } } : {}) };
    const { stderr } = await run(command, args, options);
    return stderr.trim();
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string }; // execFile's, with what it wrote
    const said = `${stderr}${stdout}`.trim();
    if (said === "") throw error;
    throw new UserError("The plugin does not compile.", said);
  }
}

/** Runs something with a new folder of its own outside the project, which is gone afterwards. */
export async function inScratch<Result>(work: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = await mkdtemp(path.join(tmpdir(), "patchbay-build-"));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
