import { sql } from "drizzle-orm";
import type { Deps } from "../../deps.ts";
import { probeSystem, SYSTEM_PROBES, type ProbedEnv, type SystemProbe } from "../../control/system-health/probes.ts";
import { configKeyRing } from "../../execution/sealed-config.ts";
import { snapshotKey } from "../../execution/snapshot.ts";
import { deploymentEnvironment } from "../../../sdk/contract/config/environments.ts";
import { PLATFORM_TENANT } from "../../../sdk/contract/identifiers.ts";
import { errorText } from "../../lib/error-text.ts";
import { logError } from "../../lib/json-log.ts";
import { parseIssuers } from "../authentication/issuers.ts";
import { parseKeyRing } from "../../lib/key-ring.ts";
import journal from "../../../migrations/meta/_journal.json";

export type ReadinessDeps = Pick<Deps, "db" | "snapshots" | "clock"> & {
  readonly env: ProbedEnv &
    Pick<
      Env,
      "STORE" | "READY_INSTALLS" | "AUTH_ISSUERS" | "CONFIG_KEYS" | "DATA_KEYS" | "BACKUP_KEYS" | "ENVIRONMENT"
    >;
};

/** What is missing before the worker can serve: empty where it is ready. Names only; causes go to the log. */
export async function missingForReadiness(deps: ReadinessDeps): Promise<string[]> {
  const checks = await Promise.all([
    check("issuers: AUTH_ISSUERS is not valid", () => parseIssuers(deps.env.AUTH_ISSUERS)),
    check("configurations: CONFIG_KEYS is not valid", () => configKeyRing(deps.env.CONFIG_KEYS)),
    check("stored values: DATA_KEYS is not valid", () => parseKeyRing("DATA_KEYS", deps.env.DATA_KEYS)),
    check("backups: BACKUP_KEYS is not valid", () => parseKeyRing("BACKUP_KEYS", deps.env.BACKUP_KEYS)),
    check("configurations: ENVIRONMENT is not development, staging or production", () => {
      if (!deploymentEnvironment(deps.env.ENVIRONMENT)) throw new Error("not an environment");
    }),
    check("store: R2 does not answer", () => deps.env.STORE.head(snapshotKey(PLATFORM_TENANT))),
    missingMigrations(deps),
    ...PROBES.map((probe) => missingPart(deps, probe)),
    ...installsOf(deps.env.READY_INSTALLS).map((install) => missingInstall(deps, install)),
  ]);
  return checks.filter((missing) => missing !== undefined);
}

/** Database and store are looked at more closely here. */
const PROBES = SYSTEM_PROBES.filter(({ name }) => name !== "database" && name !== "store");

async function missingPart(deps: ReadinessDeps, probe: SystemProbe): Promise<string | undefined> {
  const [result] = await probeSystem(deps, [probe]);
  return result?.status === "down" ? `${probe.name}: ${result.detail}` : undefined;
}

async function check(missing: string, attempt: () => unknown): Promise<string | undefined> {
  try {
    await attempt();
    return undefined;
  } catch (error) {
    logError("readiness.check-failed", { missing, error: errorText(error) });
    return missing;
  }
}

/** The table is wrangler's own record of migrations applied; the journal is what this build expects. */
async function missingMigrations(deps: ReadinessDeps): Promise<string | undefined> {
  const expected = `${journal.entries.at(-1)?.tag}.sql`;
  let applied = false;
  const unreachable = await check("database: D1 does not answer or is not migrated", async () => {
    const rows = await deps.db.all(sql`SELECT 1 FROM d1_migrations WHERE name = ${expected}`);
    applied = rows.length > 0;
  });
  return unreachable ?? (applied ? undefined : `database: migration ${expected} is not applied`);
}

function installsOf(variable: string): string[] {
  return variable
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "");
}

async function missingInstall(deps: ReadinessDeps, install: string): Promise<string | undefined> {
  const [tenantId = "", pluginId = ""] = install.split("/", 2);
  let state = "not installed";
  const unreadable = await check(`install ${install}: its snapshot cannot be read`, async () => {
    const snapshot = await deps.snapshots.read(tenantId);
    if (snapshot && Object.hasOwn(snapshot.installs, pluginId)) state = snapshot.installs[pluginId]?.state ?? state;
  });
  return unreadable ?? (state === "active" ? undefined : `install ${install}: ${state}`);
}
