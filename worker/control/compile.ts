import {
  DEPLOYMENT_ENVIRONMENTS,
  deploymentEnvironment,
  type DeploymentEnvironment,
} from "../../sdk/contract/config/environments.ts";
import { PlatformError } from "../../sdk/contract/errors.ts";
import type { Deps } from "../deps.ts";
import { parseSnapshot, SNAPSHOT_FORMAT, snapshotKey, type Snapshot } from "../execution/snapshot.ts";
import { listPages } from "../lib/bucket-pages.ts";
import { errorText } from "../lib/error-text.ts";
import { logError } from "../lib/json-log.ts";
import { buildSnapshot } from "./snapshot-rules.ts";
import { readRevisions, readTenantRecord } from "./snapshots/store.ts";

/**
 * Control state → execution snapshot: the only thing that passes between the two planes. D1 is the truth; the object in
 * R2 is a copy that only ever moves to a newer revision.
 */
export interface CompileDeps extends Pick<Deps, "db" | "clock"> {
  readonly env: Pick<Env, "STORE" | "ENVIRONMENT">;
  readonly snapshots: Pick<Deps["snapshots"], "remember">;
  /** Waits between tries; absent: as long as the system says. */
  readonly pause?: Deps["pause"];
}

export { bumpRevision } from "./snapshots/store.ts";

/**
 * Raised with every change of what a snapshot holds for the same rows, so that the cron job compiles what an earlier compiler
 * wrote. The format is another matter: one that is raised is refused by workers that are not deployed yet.
 */
export const SNAPSHOT_COMPILER = "3";

/** Tries before giving up. Each lost race means that another compiler wrote, so two or three are the usual most. */
const TRIES = 6;
/** First wait after a write that R2 refused for its rate (one write per second and key); doubles each time. */
const BACKOFF_MS = 50;

/**
 * Writes the tenant's snapshot as D1 holds it now, unless one as new is stored already, and gives it to this isolate's
 * memory. Call it after committing a change together with `bumpRevision`; calling it once more is harmless and cheap.
 *
 * @returns the snapshot now stored
 * @throws {PlatformError} TENANT_NOT_FOUND; SNAPSHOT_UNAVAILABLE where R2 kept refusing (D1 is committed, and the next
 *   compilation, by a request or by the cron job, brings the snapshot up to date)
 */
export async function compileSnapshot(deps: CompileDeps, tenantId: string): Promise<Snapshot> {
  const pause = deps.pause ?? ((milliseconds: number) => scheduler.wait(milliseconds));
  let cause: unknown;
  for (let attempt = 0; attempt < TRIES; attempt++) {
    if (cause !== undefined) await pause(BACKOFF_MS * 2 ** (attempt - 1));
    try {
      const snapshot = await tryCompile(deps, tenantId);
      if (snapshot) return snapshot;
    } catch (error) {
      if (error instanceof PlatformError) throw error;
      cause = error;
    }
  }
  throw new PlatformError(
    "SNAPSHOT_UNAVAILABLE",
    `The change is saved, but the snapshot of tenant "${tenantId}" could not be written in ${TRIES} tries; it will be written within 15 minutes, or when the request is repeated.`,
    { cause },
  );
}

/** @returns undefined where another compiler wrote meanwhile */
async function tryCompile(deps: CompileDeps, tenantId: string): Promise<Snapshot | undefined> {
  const key = snapshotKey(tenantId);
  const environment = requireEnvironment(deps.env);
  const [stored, record] = await Promise.all([
    deps.env.STORE.head(key),
    readTenantRecord(deps.db, tenantId, environment),
  ]);
  if (!record) throw new PlatformError("TENANT_NOT_FOUND", `There is no tenant "${tenantId}".`);

  const snapshot = buildSnapshot(record, deps.clock.now());
  const storedRevision = stored ? revisionOf(stored, environment) : -1;
  if (stored && storedRevision === snapshot.revision) {
    deps.snapshots.remember(snapshot, stored.etag);
    return snapshot;
  }
  if (storedRevision > snapshot.revision) return readStored(deps, tenantId);

  const written = await deps.env.STORE.put(key, JSON.stringify(snapshot), {
    onlyIf: stored ? { etagMatches: stored.etag } : { etagDoesNotMatch: "*" },
    httpMetadata: { contentType: "application/json" },
    customMetadata: {
      revision: String(snapshot.revision),
      format: String(SNAPSHOT_FORMAT),
      compiler: SNAPSHOT_COMPILER,
      environment,
    },
  });
  if (written === null) return undefined;
  deps.snapshots.remember(snapshot, written.etag);
  return snapshot;
}

/** A newer snapshot holds the change that this compilation was about: revisions only grow. */
async function readStored(deps: CompileDeps, tenantId: string): Promise<Snapshot | undefined> {
  const object = await deps.env.STORE.get(snapshotKey(tenantId));
  if (!object) return undefined;
  const snapshot = parseSnapshot(await object.json(), tenantId);
  deps.snapshots.remember(snapshot, object.etag);
  return snapshot;
}

/** -1, older than any, where the object has another format, holds for another environment, or was compiled otherwise. */
function revisionOf(object: R2Object, environment: DeploymentEnvironment): number {
  const { revision, format, compiler, environment: writtenFor } = object.customMetadata ?? {};
  const isCurrent = format === String(SNAPSHOT_FORMAT) && compiler === SNAPSHOT_COMPILER && writtenFor === environment;
  return isCurrent && /^\d+$/.test(revision ?? "") ? Number(revision) : -1;
}

/** @throws {PlatformError} NOT_READY where the worker's variable names no environment */
export function requireEnvironment(env: Pick<Env, "ENVIRONMENT">): DeploymentEnvironment {
  const environment = deploymentEnvironment(env.ENVIRONMENT);
  if (environment) return environment;
  throw new PlatformError("NOT_READY", `ENVIRONMENT must be one of ${DEPLOYMENT_ENVIRONMENTS.join(", ")}.`);
}

export interface StaleReport {
  readonly tenants: number;
  readonly compiled: readonly string[];
  /** Tenants whose snapshot stays behind; the next run tries again. */
  readonly failed: readonly string[];
}

/** Brings every snapshot that is behind D1 up to date: the net under requests that died between commit and compile. */
export async function compileStaleSnapshots(deps: CompileDeps): Promise<StaleReport> {
  const [revisions, stored] = await Promise.all([
    readRevisions(deps.db),
    listStoredRevisions(deps.env.STORE, requireEnvironment(deps.env)),
  ]);
  const compiled: string[] = [];
  const failed: string[] = [];
  for (const [tenantId, revision] of revisions) {
    if ((stored.get(snapshotKey(tenantId)) ?? -1) >= revision) continue;
    try {
      await compileSnapshot(deps, tenantId);
      compiled.push(tenantId);
    } catch (error) {
      logError("snapshot.compile-failed", { tenantId, error: errorText(error) });
      failed.push(tenantId);
    }
  }
  return { tenants: revisions.size, compiled, failed };
}

/** Revision of each stored snapshot, by key. */
async function listStoredRevisions(
  store: R2Bucket,
  environment: DeploymentEnvironment,
): Promise<ReadonlyMap<string, number>> {
  const revisions = new Map<string, number>();
  for await (const page of listPages(store, { prefix: "snapshots/", include: ["customMetadata"] })) {
    for (const object of page) revisions.set(object.key, revisionOf(object, environment));
  }
  return revisions;
}
