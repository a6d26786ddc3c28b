import { env } from "cloudflare:workers";
import { and, asc, eq } from "drizzle-orm";
import { PlatformError } from "../../../sdk/contract/errors.ts";
import { parseManifest, type Manifest } from "../../../sdk/contract/manifest.ts";
import type { ModuleSummary, ScanVerdict } from "../../../sdk/contract/package-report.ts";
import type { Plan } from "../../../sdk/contract/plans.ts";
import type { InstallDeps } from "../../../worker/control/installs/actions/change.ts";
import { installPlugin } from "../../../worker/control/installs/actions/install.ts";
import type { InstallState } from "../../../worker/control/installs/rules.ts";
import { openDatabase, type Database } from "../../../worker/db/client.ts";
import { pluginEvents, pluginInstances, plugins, pluginVersions, tenants } from "../../../worker/db/schema.ts";
import { snapshotKey, type Snapshot } from "../../../worker/execution/snapshot.ts";
import { SnapshotCache, SnapshotStore } from "../../../worker/execution/snapshot-store.ts";
import type { Actor } from "../../../worker/lib/actor.ts";
import { systemIds } from "../../../worker/lib/ulid.ts";

/** Rows that uploads and administration would write, and the parts of Deps that control actions take. */

export const db: Database = openDatabase(env.DB);
export const NOW = Date.UTC(2026, 0, 1);

export interface TestDeps extends InstallDeps {
  readonly snapshots: SnapshotStore;
  /** Moves the clock on. */
  advance(milliseconds: number): void;
}

let isolates = 0;
const randomBytes = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));

/** A worker isolate of its own: empty memory, and a clock that stands still, later than those of isolates made before. */
export function makeDeps(): TestDeps {
  let now = NOW + ++isolates;
  const clock = { now: () => now };
  const snapshots = new SnapshotStore(env.STORE, new SnapshotCache(), clock, (work) => void work);
  const advance = (milliseconds: number): void => void (now += milliseconds);
  return { env, db, clock, snapshots, newId: systemIds(() => clock.now()), randomBytes, advance };
}

const newId = systemIds(() => NOW);
let tenantNumber = 0;

/** A tenant of its own for each test, so that tests of one file do not meet. */
export async function seedTenant(plan: Plan = "pro"): Promise<Actor> {
  const id = `tenant-${++tenantNumber}`;
  await db.insert(tenants).values({ id, name: id, plan, status: "active", snapshotRevision: 1, createdAt: NOW });
  return { tenantId: id, subject: "olga", roles: ["operator"] };
}

export interface VersionSeed {
  readonly tenantId: string;
  readonly pluginId?: string;
  readonly version?: string;
  readonly manifest?: Partial<Manifest>;
  readonly functions?: readonly string[];
  readonly state?: "validated" | "quarantined";
  readonly verdict?: ScanVerdict["verdict"];
}

/** A version as an upload leaves it, with its plugin. @returns the version's id */
export async function seedVersion(seed: VersionSeed): Promise<string> {
  const { tenantId, pluginId = "acme.echo", version = "1.0.0", state = "validated", verdict = "clean" } = seed;
  const manifest = parseManifest({
    id: pluginId,
    name: "Echo",
    version,
    description: "Says what it hears.",
    author: { name: "Acme" },
    type: "utility",
    category: "text",
    ...seed.manifest,
  });
  const { name, description, type, category } = manifest;
  const id = newId();
  await db.batch([
    db
      .insert(plugins)
      .values({ tenantId, id: pluginId, name, description, type, category, createdAt: NOW, updatedAt: NOW })
      .onConflictDoNothing(),
    db.insert(pluginVersions).values({
      id,
      tenantId,
      pluginId,
      version,
      manifest,
      packageDigest: "a".repeat(64),
      packageBytes: 1_000,
      moduleDigest: "b".repeat(64),
      rewrittenDigest: "c".repeat(64),
      rewriterVersion: "1",
      module: moduleSummary(seed.functions ?? ["run"]),
      scan: { verdict, findings: [], scannerVersion: "1" },
      state,
      uploadedBy: "dana",
      createdAt: NOW,
    }),
  ]);
  return id;
}

function moduleSummary(functions: readonly string[]): ModuleSummary {
  return {
    bytes: 900,
    imports: [],
    exports: [],
    functions,
    capabilities: [],
    suspends: true,
    features: [],
    memory: { minimumPages: 1, maximumPages: null },
    producers: [],
    rewriting: {
      rewriterVersion: "1",
      costTableVersion: "1",
      backend: "register",
      bytes: 1_234,
      functions: 1,
      checks: 1,
      memoryPages: 256,
      callDepth: 10_240,
    },
  };
}

/** Events of a plugin, oldest first. */
export async function eventTypes(actor: Actor, pluginId = "acme.echo"): Promise<string[]> {
  const rows = await db
    .select({ type: pluginEvents.type })
    .from(pluginEvents)
    .where(and(eq(pluginEvents.tenantId, actor.tenantId), eq(pluginEvents.pluginId, pluginId)))
    .orderBy(asc(pluginEvents.sequence));
  return rows.map((row) => row.type);
}

/** The snapshot in R2, as another isolate would read it. */
export async function storedSnapshot(tenantId: string): Promise<Snapshot | undefined> {
  return (await env.STORE.get(snapshotKey(tenantId)))?.json<Snapshot>();
}

export async function revisionOf(tenantId: string): Promise<number | undefined> {
  const rows = await db.select({ revision: tenants.snapshotRevision }).from(tenants).where(eq(tenants.id, tenantId));
  return rows[0]?.revision;
}

/** The platform error that the work fails with; anything else fails the test. */
export async function refusal(work: Promise<unknown>): Promise<PlatformError> {
  const error = await work.then(
    () => new Error("it succeeded"),
    (reason: unknown) => reason,
  );
  if (error instanceof PlatformError) return error;
  throw error;
}

/** A tenant whose one plugin, acme.echo 1.0.0, was installed and then put into a state. */
export async function seedInstall(state: InstallState = "active"): Promise<Actor> {
  const actor = await seedTenant();
  await seedVersion({ tenantId: actor.tenantId });
  await installPlugin(makeDeps(), actor, { pluginId: "acme.echo", activate: true });
  await db.update(pluginInstances).set({ state }).where(eq(pluginInstances.tenantId, actor.tenantId));
  return actor;
}

/** Id of the tenant's only install. */
export async function installIdOf({ tenantId }: Pick<Actor, "tenantId">): Promise<string> {
  const rows = await db
    .select({ id: pluginInstances.id })
    .from(pluginInstances)
    .where(eq(pluginInstances.tenantId, tenantId));
  return rows[0]?.id ?? "";
}
