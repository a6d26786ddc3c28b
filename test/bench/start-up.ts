import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { wranglerCommand } from "../../scripts/local-worker.ts";
import { environment } from "../support/node/running-patchbay.ts";

/** A V8 CPU profile, as far as it is read here. Times in microseconds. */
interface Profile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: { readonly functionName: string } }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** @returns milliseconds in which the processor worked while the worker's bundle was evaluated under workerd */
export async function startUpMilliseconds(root: string): Promise<number> {
  const file = path.join(root, "dist/bench/start-up.cpuprofile");
  await promisify(execFile)(process.execPath, [wranglerCommand(root), "check", "startup", "--outfile", file], {
    cwd: root,
    env: environment({ WRANGLER_SEND_METRICS: "false" }),
  });
  const profile = JSON.parse(await readFile(file, "utf8")) as Profile; // wrangler's own output
  const idle = new Set(
    profile.nodes.filter(({ callFrame }) => callFrame.functionName === "(idle)").map(({ id }) => id),
  );
  const active = profile.samples.reduce(
    (sum, node, at) => sum + (idle.has(node) ? 0 : (profile.timeDeltas[at] ?? 0)),
    0,
  );
  return active / 1000;
}
