import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { unstable_readConfig } from "wrangler";
import { resourcesOf, secretsIn } from "./deployment/resources.ts";
import { deploy, rehearse, type Deployment } from "./deployment/steps.ts";
import { wranglerIn } from "./deployment/wrangler.ts";
import { readMigrations, readRelease } from "./migrations/folder.ts";
import { describeOffence } from "./migrations/rule-table.ts";
import { migrationOffences } from "./migrations/rules.ts";
import { logProgress } from "./progress.ts";

/**
 * `npm run deploy [-- --dry-run] [-- --without-backup] [-- --secrets-file <path>]`: resources, secrets, backup, migrations, code, readiness.
 * `PATCHBAY_URL` and `PATCHBAY_TOKEN` say where the deployment is that makes the backup, and who asks.
 */
const root = path.resolve(import.meta.dirname, "..");

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function deploymentOf(options: {
  readonly withoutBackup: boolean;
  readonly secretsFile: string | undefined;
}): Deployment {
  const { secretsFile: file, withoutBackup } = options;
  const migrations = readMigrations(root);
  const url = process.env["PATCHBAY_URL"]?.replace(/\/+$/, "");
  return {
    wrangler: wranglerIn(root),
    resources: resourcesOf(unstable_readConfig({ config: path.join(root, "wrangler.toml") })),
    migrations,
    offences: migrationOffences(migrations, readRelease(root)).map(describeOffence),
    lastMigrationOf,
    platform: { url, token: process.env["PATCHBAY_TOKEN"], fetch, pause },
    withoutBackup,
    secretsFile: file === undefined ? undefined : { path: path.resolve(file), names: secretsIn(file) },
  };
}

function lastMigrationOf(release: string): string | undefined {
  const file = path.join(root, `test/fixtures/releases/${release}.json`);
  if (!existsSync(file)) return undefined;
  return (JSON.parse(readFileSync(file, "utf8")) as { readonly migration: string }).migration; // our own file
}

const { values } = parseArgs({
  options: {
    "dry-run": { type: "boolean", default: false },
    "without-backup": { type: "boolean", default: false },
    "secrets-file": { type: "string" },
  },
});
const deployment = deploymentOf({ withoutBackup: values["without-backup"], secretsFile: values["secrets-file"] });
if (values["dry-run"]) rehearse(deployment, logProgress);
else if (!(await deploy(deployment, logProgress))) process.exitCode = 1;
