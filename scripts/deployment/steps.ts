import type { MigrationFile } from "../migrations/statements.ts";
import { earlyContracts } from "./contracts.ts";
import { BACKUPS, backUp, whyNotReady, type Platform } from "./platform.ts";
import type { Resources } from "./resources.ts";
import type { Ended, Wrangler } from "./wrangler.ts";

/** What a deploy does, in order. Each step can be done again; one that fails ends the deploy, and nothing after it is done. */

export interface Deployment {
  readonly wrangler: Wrangler;
  readonly resources: Resources;
  readonly migrations: readonly MigrationFile[];
  /** What `npm run check` says against the migrations. */
  readonly offences: readonly string[];
  readonly lastMigrationOf: (release: string) => string | undefined;
  readonly platform: Omit<Platform, "url"> & { readonly url: string | undefined };
  readonly withoutBackup: boolean;
  /** File with secrets to deploy with, and the names in it. */
  readonly secretsFile: { readonly path: string; readonly names: readonly string[] } | undefined;
}

/** What earlier steps found out. */
export interface Found {
  pending: readonly MigrationFile[];
  url?: string;
}

export interface Step {
  readonly name: string;
  /** Commands that it may run, for a dry run. */
  readonly commands: (deployment: Deployment) => readonly (readonly string[])[];
  /** What it asks of the deployment that runs. */
  readonly requests?: readonly string[];
  /** @returns what is to be told; throws an Error that says what to do */
  readonly run: (deployment: Deployment, found: Found) => Promise<string>;
}

const MISSING = /does(?: not|n't) exist|not found|\b10006\b|\b10007\b/i;
/** A bucket's rule that forgets interrupted uploads. */
const LIFECYCLE = ["incoming", "incoming/", "--expire-days", "1", "--abort-multipart-days", "1"];

export const STEPS: readonly Step[] = [
  {
    name: "migrations are safe",
    commands: () => [],
    run: async ({ migrations, offences }) => {
      if (offences.length > 0) throw new Error(offences.join("\n"));
      return `${migrations.length} checked`;
    },
  },
  {
    name: "logged in",
    commands: () => [["whoami", "--json"]],
    run: async ({ wrangler }) => {
      const { code } = await wrangler(["whoami", "--json"]);
      if (code === 0) return "yes";
      throw new Error("Log in first: npx wrangler login, or set CLOUDFLARE_API_TOKEN and CLOUDFLARE_ACCOUNT_ID.");
    },
  },
  {
    name: "database",
    commands: ({ resources: { database } }) => [
      ["d1", "list", "--json"],
      ["d1", "create", database.name],
    ],
    run: async ({ wrangler, resources: { database } }) => {
      const { stdout } = await done(wrangler, ["d1", "list", "--json"]);
      const known = JSON.parse(stdout) as readonly { readonly name: string }[]; // as wrangler prints it
      if (known.some(({ name }) => name === database.name)) return `${database.name} is there`;
      await done(wrangler, ["d1", "create", database.name]);
      return `${database.name} was made`;
    },
  },
  {
    name: "buckets",
    commands: ({ resources }) =>
      resources.buckets.flatMap((name) => [
        ["r2", "bucket", "info", name],
        ["r2", "bucket", "create", name],
        ["r2", "bucket", "lifecycle", "add", name, ...LIFECYCLE],
      ]),
    run: async ({ wrangler, resources }) => {
      const made: string[] = [];
      for (const name of resources.buckets) {
        if (await exists(wrangler, ["r2", "bucket", "info", name])) continue;
        await done(wrangler, ["r2", "bucket", "create", name]);
        await done(wrangler, ["r2", "bucket", "lifecycle", "add", name, ...LIFECYCLE]);
        made.push(name);
      }
      return told(resources.buckets.length, made);
    },
  },
  {
    name: "queues",
    commands: ({ resources }) =>
      resources.queues.flatMap((name) => [
        ["queues", "info", name],
        ["queues", "create", name],
      ]),
    run: async ({ wrangler, resources }) => {
      const made: string[] = [];
      for (const name of resources.queues) {
        if (await exists(wrangler, ["queues", "info", name])) continue;
        await done(wrangler, ["queues", "create", name]);
        made.push(name);
      }
      return told(resources.queues.length, made);
    },
  },
  {
    name: "secrets",
    commands: () => [["secret", "list", "--format", "json"]],
    run: async ({ wrangler, resources, secretsFile }) => {
      const listed = await wrangler(["secret", "list", "--format", "json"]);
      if (listed.code !== 0 && !MISSING.test(listed.output)) throw failed(["secret", "list"], listed);
      // Before the first deploy there is no worker that could have any.
      const known = listed.code === 0 ? (JSON.parse(listed.stdout) as readonly { readonly name: string }[]) : [];
      const names = new Set([...known.map(({ name }) => name), ...(secretsFile?.names ?? [])]);
      const missing = resources.secrets.filter((name) => !names.has(name));
      if (missing.length === 0) return `${resources.secrets.length} are set`;
      const how = "npx wrangler secret put <name>, or put them into a file and deploy with --secrets-file <path>";
      throw new Error(`These secrets are missing: ${missing.join(", ")}. Set them: ${how} (docs/deploying.md).`);
    },
  },
  {
    name: "pending migrations",
    commands: ({ resources: { database } }) => [["d1", "migrations", "list", database.binding, "--remote"]],
    run: async ({ wrangler, resources: { database }, migrations, lastMigrationOf }, found) => {
      const { output } = await done(wrangler, ["d1", "migrations", "list", database.binding, "--remote"]);
      found.pending = migrations.filter(({ name }) => output.includes(name));
      const early = earlyContracts(found.pending, lastMigrationOf);
      if (early.length > 0) throw new Error(early.join("\n"));
      return found.pending.length === 0 ? "none" : found.pending.map(({ name }) => name).join(", ");
    },
  },
  {
    name: "backup",
    commands: () => [],
    requests: [`POST ${BACKUPS}/backup`, `GET ${BACKUPS}/backups/<id>, until it is verified`],
    run: async ({ migrations, platform, withoutBackup }, { pending }) => {
      if (pending.length === 0) return "not needed: no migration is pending";
      if (pending.length === migrations.length) return "not needed: the database is empty";
      if (withoutBackup) return `left out, although ${pending.length} migrations are pending`;
      const { url, token } = platform;
      if (url === undefined || token === undefined) {
        const what = "PATCHBAY_URL and PATCHBAY_TOKEN, the token of an admin of the tenant patchbay";
        throw new Error(
          `Migrations are pending. Set ${what}, so that a backup is made first; or say --without-backup.`,
        );
      }
      try {
        return `${await backUp({ ...platform, url })} is verified`;
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        throw new Error(`Nothing was migrated: ${why}. Mend that, or say --without-backup.`, { cause: error });
      }
    },
  },
  {
    name: "apply migrations",
    commands: ({ resources: { database } }) => [["d1", "migrations", "apply", database.binding, "--remote"]],
    run: async ({ wrangler, resources: { database } }, { pending }) => {
      if (pending.length === 0) return "none";
      await done(wrangler, ["d1", "migrations", "apply", database.binding, "--remote"]);
      return `${pending.length} applied`;
    },
  },
  {
    name: "deploy",
    commands: (deployment) => [deployCommand(deployment)],
    run: async (deployment, found) => {
      const { output } = await done(deployment.wrangler, deployCommand(deployment));
      const [url] = /https:\/\/[\w.-]+\.workers\.dev/.exec(output) ?? [];
      if (url !== undefined) found.url = url;
      return url ?? "done";
    },
  },
  {
    name: "ready",
    commands: () => [],
    requests: ["GET /readyz"],
    run: async ({ platform }, found) => {
      const url = platform.url ?? found.url;
      if (url === undefined) return "not asked: set PATCHBAY_URL, then GET /readyz is asked";
      const why = await whyNotReady({ ...platform, url });
      if (why === undefined) return `${url} is ready`;
      throw new Error(`It is deployed, but ${url}/readyz says: ${why}`);
    },
  },
];

function deployCommand({ secretsFile }: Deployment): readonly string[] {
  return ["deploy", ...(secretsFile ? ["--secrets-file", secretsFile.path] : [])];
}

function told(count: number, made: readonly string[]): string {
  return made.length === 0 ? `${count} are there` : `made ${made.join(", ")}`;
}

async function exists(wrangler: Wrangler, args: readonly string[]): Promise<boolean> {
  const ended = await wrangler(args);
  if (ended.code === 0) return true;
  if (MISSING.test(ended.output)) return false;
  throw failed(args, ended);
}

async function done(wrangler: Wrangler, args: readonly string[]): Promise<Ended> {
  const ended = await wrangler(args);
  if (ended.code !== 0) throw failed(args, ended);
  return ended;
}

function failed(args: readonly string[], { code, output }: Ended): Error {
  return new Error(`wrangler ${args.join(" ")} ended with ${code}:\n${output.trim()}`);
}

/** @returns false where a step failed */
export async function deploy(deployment: Deployment, log: (line: string) => void): Promise<boolean> {
  const found: Found = { pending: [] };
  for (const { name, run } of STEPS) {
    try {
      log(`${name}: ${await run(deployment, found)}`);
    } catch (error) {
      log(`${name}: FAILED\n${error instanceof Error ? error.message : String(error)}`);
      return false;
    }
  }
  return true;
}

/** Says what would be done, and does nothing. */
export function rehearse(deployment: Deployment, log: (line: string) => void): void {
  for (const { name, commands, requests = [] } of STEPS) {
    log(name);
    for (const request of requests) log(`  ${request}`);
    for (const command of commands(deployment)) log(`  wrangler ${command.join(" ")}`);
  }
}
