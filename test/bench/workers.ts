import { spawn, type ChildProcess } from "node:child_process";
import path from "node:path";
import { exitOf, waitUntilUp } from "../../scripts/local-worker.ts";
import { freePort } from "../support/node/running-patchbay.ts";

/** A bench worker of this folder, running under the same workerd as the platform. */
export interface BenchWorker {
  readonly url: string;
  stop(): Promise<void>;
}

export async function startBenchWorker(
  root: string,
  name: string,
  warmUpPath: string,
  flags: readonly string[] = [],
): Promise<BenchWorker> {
  const port = await freePort();
  const folder = path.join(root, "test/bench", name);
  const child = spawn(
    process.execPath,
    [path.join(root, "scripts/serve.ts"), "--config", "wrangler.toml", "--port", String(port), ...flags],
    {
      cwd: folder,
      env: process.env,
      stdio: "ignore",
    },
  );
  const url = `http://127.0.0.1:${port}`;
  await waitUntilUp(child, `${url}${warmUpPath}`);
  return { url, stop: () => stopChild(child) };
}

export async function stopChild(child: ChildProcess): Promise<void> {
  const ended = exitOf(child);
  child.kill("SIGTERM");
  await ended;
}
