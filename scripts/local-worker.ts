import { spawn, type ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { configKeys, backupKeys, dataKeys, localIssuers, recordingKeys, signingKey } from "./local-state.ts";
import type { Log } from "./progress.ts";

/** Runs the worker under workerd (scripts/serve.ts), with all of its state in one folder. */

export interface LocalWorkerOptions {
  readonly root: string;
  readonly state: string;
  readonly port: number;
  /** `tenant/plugin` that must be active before the worker says it is ready. */
  readonly readyInstalls: readonly string[];
  /** `host:port` that plugins may reach without TLS where their grants name it, and what its server answers. */
  readonly loopback?: { readonly host: string; readonly answer: string };
  readonly log: Log;
}

/** Wrangler must neither ask, nor report, nor look for newer versions of itself. */
export const QUIET = {
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_HIDE_BANNER: "true",
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  CI: "1",
};
const POLL_MS = 100;

export function wranglerCommand(root: string): string {
  return path.join(root, "node_modules/wrangler/bin/wrangler.js");
}

/** Applies migrations not yet applied; skipped where the folder's content was applied to this state before. */
export async function applyMigrations({ root, state, log }: LocalWorkerOptions): Promise<void> {
  const folder = path.join(root, "migrations");
  const files = (await readdir(folder)).filter((name) => name.endsWith(".sql")).sort();
  const hash = createHash("sha256");
  for (const name of files) hash.update(name).update(await readFile(path.join(folder, name)));
  const digest = hash.digest("hex");
  const stamp = path.join(state, "migrations.applied");
  if (existsSync(stamp) && (await readFile(stamp, "utf8")) === digest) return;
  log(`applying ${files.length} migration(s) to the local database`);
  await runWrangler(root, ["d1", "migrations", "apply", "DB", "--local", "--persist-to", state]);
  await writeFile(stamp, digest);
}

async function runWrangler(root: string, args: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [wranglerCommand(root), ...args], {
    cwd: root,
    env: { ...process.env, ...QUIET },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout.on("data", (chunk) => (output += String(chunk)));
  child.stderr.on("data", (chunk) => (output += String(chunk)));
  const code = await exitOf(child);
  if (code !== 0) throw new Error(`wrangler ${args.slice(0, 3).join(" ")} ended with ${code}:\n${output}`);
}

/** Starts the worker; it is up, not ready, when this returns. */
export async function startWorker(options: LocalWorkerOptions): Promise<ChildProcess> {
  const { root, state, port, loopback } = options;
  await mkdir(state, { recursive: true });
  const variables = path.join(state, "variables.env");
  await writeVariables(variables, options);
  const flags = ["--config", "wrangler.toml", "--port", String(port), "--state", state, "--variables", variables];
  if (loopback) flags.push("--answer", loopback.answer);
  const child = spawn(process.execPath, [path.join(root, "scripts/serve.ts"), ...flags], {
    cwd: root,
    env: { ...process.env, ...QUIET },
    // The channel carries nothing: its end tells the worker that nobody is left to stop it.
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  child.stdout?.pipe(process.stderr);
  child.stderr?.pipe(process.stderr);
  await waitUntilUp(child, `http://127.0.0.1:${port}/healthz`);
  return child;
}

/** The file holds a secret: only its owner reads it, also where an earlier start made it. */
async function writeVariables(file: string, { state, readyInstalls, loopback }: LocalWorkerOptions): Promise<void> {
  const lines = [
    `AUTH_ISSUERS='${localIssuers(await signingKey(state))}'`,
    `RECORDING_KEYS='${await recordingKeys(state)}'`,
    `CONFIG_KEYS='${await configKeys(state)}'`,
    `DATA_KEYS='${await dataKeys(state)}'`,
    `BACKUP_KEYS='${await backupKeys(state)}'`,
    `READY_INSTALLS=${readyInstalls.join(",")}`,
    ...(loopback ? [`PRIVATE_HOSTS=${loopback.host}`] : []),
  ];
  await writeFile(file, `${lines.join("\n")}\n`, { mode: 0o600 });
  await chmod(file, 0o600);
}

export async function waitUntilUp(child: ChildProcess, url: string): Promise<void> {
  let exitCode: number | null | undefined;
  void exitOf(child).then((code) => (exitCode = code));
  for (;;) {
    if (exitCode !== undefined) throw new Error(`The worker ended with ${exitCode} before it was up.`);
    const answer = await fetch(url).catch(() => undefined); // refused until the port is open
    if (answer?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

export function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    if (child.exitCode !== null) resolve(child.exitCode);
    child.once("error", reject);
    child.once("exit", (code) => resolve(code));
  });
}
