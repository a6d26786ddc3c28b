import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { ROOT } from "./source-files.ts";

/** `npm start` as a user runs it, on a free port with a state folder of its own. */

const BINARIES = path.join(ROOT, "node_modules/.bin");

export function environment(settings: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${BINARIES}:${process.env["PATH"]}`, ...settings };
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

export class RunningPatchbay {
  readonly url: string;
  readonly output: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, settings: Readonly<Record<string, string>>, output: string) {
    this.#child = child;
    this.settings = settings;
    this.output = output;
    this.url = `http://127.0.0.1:${settings["PORT"]}`;
  }

  /** Resolves once the start says that it is ready; rejects with all it printed where it ends before. */
  static async start(state: string): Promise<RunningPatchbay> {
    const settings = { PORT: String(await freePort()), PATCHBAY_STATE: state };
    const child = spawn(process.execPath, ["scripts/start.ts"], {
      cwd: ROOT,
      env: environment(settings),
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    return new Promise((resolve, reject) => {
      const collect = (chunk: unknown): void => {
        output += String(chunk);
        if (output.includes("Patchbay is ready")) resolve(new RunningPatchbay(child, settings, output));
      };
      child.stdout.on("data", collect);
      child.stderr.on("data", collect);
      child.once("error", reject);
      child.once("exit", (code) => reject(new Error(`start ended with ${code}:\n${output}`)));
    });
  }

  async stop(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    const ended = once(this.#child, "exit");
    this.#child.kill(signal);
    await ended;
  }
}

export async function temporaryFolder(): Promise<{ path: string; remove: () => Promise<void> }> {
  const folder = await mkdtemp(path.join(tmpdir(), "patchbay-"));
  return { path: folder, remove: () => rm(folder, { recursive: true, force: true, maxRetries: 5 }) };
}
