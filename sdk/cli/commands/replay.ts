import path from "node:path";
import { readFile, stat } from "node:fs/promises";
import { currentAccount } from "../../account/account.ts";
import { ApiClient } from "../../account/api-client.ts";
import { buildProject } from "../../project/build-project.ts";
import { openProject } from "../../project/project.ts";
import { UserError } from "../../project/user-error.ts";
import { downloadRecording } from "../../replay/recording-source.ts";
import { replayRecording } from "../../replay/replay-recording.ts";
import { differenceLines, replayJson, replayRows } from "../../replay/replay-text.ts";
import { EXIT, show, table, type OutputOptions } from "../output.ts";

export interface ReplayOptions extends OutputOptions {
  readonly url?: string;
  /** A module, or a project, that stands in for what ran. */
  readonly plugin?: string;
}

/** Downloads a recorded call and runs it again in this process. Ends with 1 where anything came out otherwise. */
export async function replay(executionId: string, options: ReplayOptions): Promise<void> {
  const api = new ApiClient(await currentAccount(options.url));
  const source = await downloadRecording(api, executionId);
  const plugin = options.plugin === undefined ? undefined : await readModule(options.plugin);
  const replayed = await replayRecording(plugin ? { ...source, plugin } : source);
  show(replayJson(replayed), [...table(replayRows(replayed)), ...differenceLines(replayed)], options);
  if (!replayed.same) process.exitCode = EXIT.failure;
}

async function readModule(word: string): Promise<Uint8Array> {
  const target = path.resolve(word);
  const found = await stat(target).catch(() => undefined); // nothing there is told below
  if (!found) throw new UserError(`There is nothing at ${target}.`);
  return await readFile(found.isDirectory() ? (await buildProject(await openProject(target))).module : target);
}
