import { spawn } from "node:child_process";
import { QUIET, wranglerCommand } from "../local-worker.ts";

export interface Ended {
  readonly code: number;
  /** Standard output alone, for what is printed as JSON. */
  readonly stdout: string;
  /** Everything that was printed. */
  readonly output: string;
}

/** Runs wrangler with arguments, to its end. */
export type Wrangler = (args: readonly string[]) => Promise<Ended>;

/** The installed wrangler. It asks nothing; what it prints is shown while it runs, but for lists that only this program reads. */
export function wranglerIn(root: string): Wrangler {
  return (args) =>
    new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [wranglerCommand(root), ...args], {
        cwd: root,
        env: { ...process.env, ...QUIET },
        stdio: ["ignore", "pipe", "pipe"],
      });
      const isShown = args[0] === "deploy" || args.includes("apply");
      let [stdout, output] = ["", ""];
      child.stdout.on("data", (chunk) => {
        stdout += String(chunk);
        output += String(chunk);
        if (isShown) process.stdout.write(String(chunk));
      });
      child.stderr.on("data", (chunk) => {
        output += String(chunk);
        if (isShown) process.stderr.write(String(chunk));
      });
      child.once("error", reject);
      child.once("exit", (code) => resolve({ code: code ?? 1, stdout, output }));
    });
}
