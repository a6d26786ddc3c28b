import { PlatformError } from "../../../../sdk/contract/errors.ts";
import type { Deps } from "../../../deps.ts";
import { parseSnapshot, snapshotKey, type Snapshot } from "../../../execution/snapshot.ts";
import { errorText } from "../../../lib/error-text.ts";
import { logError } from "../../../lib/json-log.ts";
import { advisoriesAbout } from "../../advisories/store.ts";
import { requireEnvironment } from "../../compile.ts";
import { openDocument } from "../../config/actions/present.ts";
import { documentIssues } from "../../config/document-rules.ts";
import { dayOf } from "../../grants/report-rules.ts";
import { asksOf } from "../../grants/rules.ts";
import type { Install } from "../../installs/schema.ts";
import { listVersionHeads } from "../../plugins/store.ts";
import { PREVIOUS_SECRET_MS } from "../../plugin-webhooks/actions/manage.ts";
import { buildSnapshot } from "../../snapshot-rules.ts";
import { readTenantRecord } from "../../snapshots/store.ts";
import { snapshotFact, versionFact } from "../fact-rules.ts";
import type { ConfigFact, FactParts, Facts } from "../facts-record.ts";
import {
  breakersOpened,
  expiringKeys,
  grantsOf,
  installedVersions,
  listAudited,
  replacedSecretsOf,
  usageOf,
  type AuditedInstall,
} from "../facts-store.ts";
import { expectedObjects, ObjectReader } from "../object-store.ts";
import { sampleCalls } from "../sample-store.ts";

export type GatherDeps = Pick<Deps, "db" | "clock" | "randomBytes"> & {
  readonly env: Pick<Env, "STORE" | "ENVIRONMENT" | "CONFIG_KEYS">;
};

/** Days of use that grants are held against. */
const USAGE_DAYS = 30;
const DAY_MS = 86_400_000;

export interface AuditedFacts {
  /** Both empty: the tenant's own. */
  readonly installId: string;
  readonly pluginId: string;
  readonly facts: Facts;
  /** False where a part could not be read, so that its rules had no say. */
  readonly isWhole: boolean;
}

/** The facts of installs of one tenant. Those that were removed meanwhile have none. */
export async function gatherFacts(
  deps: GatherDeps,
  tenantId: string,
  installIds: readonly string[],
): Promise<AuditedFacts[]> {
  const now = deps.clock.now();
  const installs = await listAudited(deps.db, tenantId, installIds);
  if (installs.length === 0) return [];
  const sources = await gatherSources(deps, tenantId, installs, now);
  const reader = new ObjectReader(deps.env.STORE);
  const gathered: AuditedFacts[] = [];
  for (const install of installs) {
    const { parts, isWhole } = await partsOf(deps, install, sources, reader);
    gathered.push({ installId: install.id, pluginId: install.pluginId, facts: { now, parts }, isWhole });
  }
  return gathered;
}

/** What the tenant owns beside its installs. */
export async function gatherTenant(deps: GatherDeps, tenantId: string): Promise<AuditedFacts> {
  const keys = await expiringKeys(deps.db, tenantId);
  return { installId: "", pluginId: "", facts: { now: deps.clock.now(), parts: { keys } }, isWhole: true };
}

type Sources = Awaited<ReturnType<typeof gatherSources>>;

/** What all installs of a chunk share: one statement each, whatever their number. */
async function gatherSources(deps: GatherDeps, tenantId: string, installs: readonly AuditedInstall[], now: number) {
  const { db } = deps;
  const ids = installs.map(({ id }) => id);
  const plugins = installs.map(({ pluginId }) => pluginId);
  const dependencies = installs.flatMap(({ manifest }) => Object.keys(manifest.dependencies ?? {}));
  const [grants, usage, calls, breakers, secrets, versions, snapshots] = await Promise.all([
    attempt("grants", () => grantsOf(db, tenantId, ids)),
    attempt("usage", () => usageOf(db, tenantId, ids, dayOf(now) - USAGE_DAYS + 1)),
    attempt("calls", () => sampleCalls(db, tenantId, installs, now)),
    attempt("breakers", () => breakersOpened(db, tenantId, now - DAY_MS)),
    attempt("secrets", () => replacedSecretsOf(db, tenantId, ids, PREVIOUS_SECRET_MS)),
    attempt("versions", async () => ({
      heads: await listVersionHeads(db, tenantId, plugins),
      advisories: await advisoriesAbout(db, [...plugins, ...dependencies]),
      installed: await installedVersions(db, tenantId, dependencies),
    })),
    attempt("snapshot", () => readSnapshots(deps, tenantId)),
  ]);
  return { grants, usage, calls, breakers, secrets, versions, snapshots };
}

async function partsOf(
  deps: GatherDeps,
  install: AuditedInstall,
  sources: Sources,
  reader: ObjectReader,
): Promise<Pick<AuditedFacts, "isWhole"> & { readonly parts: Partial<FactParts> }> {
  const { id, pluginId, manifest, packageDigest, moduleDigest, linked = [] } = install;
  const { grants, usage, calls, breakers, secrets, versions, snapshots } = sources;
  const objects = await attempt("objects", () => Promise.all(expectedObjects(install).map((one) => reader.read(one))));
  const config = await attempt("config", () => configFact(deps, install));
  const digests = [packageDigest, moduleDigest, ...linked.map((module) => module.moduleDigest)];
  const version = { ...install, digests, dependencies: manifest.dependencies ?? {} };
  const isWhole = [objects, config, ...Object.values(sources)].every((part) => part !== undefined);
  const parts = {
    state: { state: install.state, since: install.updatedAt },
    ...(objects ? { objects } : {}),
    ...(config ? { config } : {}),
    ...(snapshots ? { snapshot: snapshotFact(snapshots.stored, snapshots.built, pluginId) } : {}),
    ...(grants && usage
      ? {
          grants: {
            asks: asksOf(manifest),
            records: grants.get(id) ?? [],
            sums: usage.get(id) ?? [],
            periodDays: USAGE_DAYS,
          },
        }
      : {}),
    ...(calls ? { calls: calls.get(id) ?? [] } : {}),
    ...(breakers ? { breaker: { opened: breakers.get(pluginId) ?? 0 } } : {}),
    ...(secrets ? { replacedSecrets: secrets.get(id) ?? [] } : {}),
    ...(versions ? { version: versionFact(version, versions.heads, versions.advisories, versions.installed) } : {}),
  };
  return { parts, isWhole };
}

/** A part that cannot be read leaves its rules without a say, and the others with theirs. */
async function attempt<Value>(part: string, gather: () => Promise<Value>): Promise<Value | undefined> {
  try {
    return await gather();
  } catch (error) {
    logError("audit.part-failed", { part, error: errorText(error) });
    return undefined;
  }
}

/** The stored snapshot, read first: a change in between makes it look behind, so that is looked at again. */
async function readSnapshots(deps: GatherDeps, tenantId: string) {
  const first = await readBoth(deps, tenantId);
  return first.stored && first.stored.revision < first.built.revision ? readBoth(deps, tenantId) : first;
}

async function readBoth(
  deps: GatherDeps,
  tenantId: string,
): Promise<{ stored: Snapshot | null | undefined; built: Snapshot }> {
  const object = await deps.env.STORE.get(snapshotKey(tenantId));
  const bytes = object && new Uint8Array(await object.arrayBuffer());
  if (bytes && bytes.length < object.size) throw new Error("The snapshot ended early.");
  const stored = bytes ? parseStored(new TextDecoder().decode(bytes), tenantId) : undefined;
  const record = await readTenantRecord(deps.db, tenantId, requireEnvironment(deps.env));
  if (!record) throw new Error(`There is no tenant "${tenantId}".`);
  return { stored, built: buildSnapshot(record, deps.clock.now()) };
}

function parseStored(text: string, tenantId: string): Snapshot | null {
  try {
    return parseSnapshot(JSON.parse(text), tenantId);
  } catch {
    return null; // which is the finding
  }
}

/** @throws what is not about the configuration itself */
async function configFact(deps: GatherDeps, install: AuditedInstall): Promise<ConfigFact> {
  const { configRevision: revision, manifest } = install;
  try {
    const document = await openDocument(deps, install as unknown as Install); // reads ids and configuration only
    return { revision, issues: documentIssues(manifest.config, document), sealed: false };
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    return { revision, issues: [], sealed: true };
  }
}
