import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { unstable_getMiniflareWorkerOptions } from "wrangler";
import { logProgress, type Log } from "./progress.ts";
import { bundleWorker } from "./worker-bundle.ts";

/**
 * Packs the platform for `patchbay dev`: the worker's bundle, its bindings as wrangler.toml has them, and the migrations of its database,
 * in sdk/platform. Secrets are made anew by each start.
 */
const TARGET = "sdk/platform";
const SECRETS = ["AUTH_ISSUERS", "RECORDING_KEYS", "CONFIG_KEYS", "DATA_KEYS", "BACKUP_KEYS"];
/** Members of the worker's options that wrangler alone reads, or that name files of this folder. */
const LEFT_OUT = new Set(["rootPath", "modulesRules", "assets", "cronTriggers", "connectHandlers"]);

export async function buildPlatform({ root, log }: { readonly root: string; readonly log: Log }): Promise<void> {
  for (const name of SECRETS) process.env[name] ??= "set when the platform starts"; // wrangler asks for the required secrets
  const { workerOptions, main } = unstable_getMiniflareWorkerOptions(path.join(root, "wrangler.toml"));
  if (main === undefined) throw new Error("wrangler.toml names no main module.");
  const target = path.join(root, TARGET);
  await rm(target, { recursive: true, force: true });
  await mkdir(target, { recursive: true });
  const modules = await bundleWorker(main);
  for (const { path: name, contents } of modules) await writeFile(path.join(target, name), contents);
  const options = Object.fromEntries(Object.entries(workerOptions).filter(([name]) => !LEFT_OUT.has(name)));
  const bindings = Object.entries((options["bindings"] ?? {}) as Record<string, unknown>); // variables of wrangler.toml
  const description = {
    modules: modules.map(({ type, path: name }) => ({ type, path: name })),
    options: { ...options, bindings: Object.fromEntries(bindings.filter(([name]) => !SECRETS.includes(name))) },
    migrations: await migrations(path.join(root, "migrations")),
  };
  await writeFile(path.join(target, "platform.json"), JSON.stringify(description));
  log(`platform of ${modules.length} modules in ${TARGET}`);
}

async function migrations(
  folder: string,
): Promise<readonly { readonly name: string; readonly statements: readonly string[] }[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".sql")).sort();
  return Promise.all(
    names.map(async (name) => {
      const text = await readFile(path.join(folder, name), "utf8");
      return { name, statements: text.split("--> statement-breakpoint").map((statement) => statement.trim()) };
    }),
  );
}

if (import.meta.main) await buildPlatform({ root: path.resolve(import.meta.dirname, ".."), log: logProgress });
