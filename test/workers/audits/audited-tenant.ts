import { createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { eq } from "drizzle-orm";
import type { Manifest } from "../../../sdk/contract/manifest.ts";
import { auditOne } from "../../../worker/control/audits/actions/start.ts";
import type { AuditRun } from "../../../worker/control/audits/run-record.ts";
import type { FindingRow } from "../../../worker/control/audits/finding-record.ts";
import { listFindings } from "../../../worker/control/audits/finding-store.ts";
import { compileSnapshot } from "../../../worker/control/compile.ts";
import { packageKey } from "../../../worker/control/packages/blob-store.ts";
import { pluginInstances, pluginVersions } from "../../../worker/db/schema.ts";
import { createDeps, createResident, type Deps } from "../../../worker/deps.ts";
import { moduleKey } from "../../../worker/execution/module-store.ts";
import type { Actor } from "../../../worker/lib/actor.ts";
import { sha256Hex } from "../../../worker/lib/hex.ts";
import { db, seedTenant, seedVersion } from "../control/fixtures.ts";

/** A tenant with an install whose objects, snapshot and rows are whole, for tests to damage one of them. */

export const NOW = Date.UTC(2026, 4, 1, 12);
const MINUTE_MS = 60_000;

export interface AuditedTenant {
  readonly actor: Actor;
  readonly deps: Deps;
  readonly pluginId: string;
  readonly installId: string;
  readonly versionId: string;
  readonly digests: Readonly<Record<"package" | "original" | "rewritten", string>>;
  /** Moves the clock on, and audits the install. */
  audit(): Promise<AuditRun>;
  /** Findings by rule, newest first. */
  findings(state?: FindingRow["state"]): Promise<FindingRow[]>;
}

/** @param now  gives milliseconds since the epoch */
export function depsAt(now: () => number, change: Partial<Deps> = {}): Deps {
  const deps = createDeps(env, createExecutionContext(), { now }, createResident());
  return { ...deps, db: deps.db, ...change };
}

let clock = NOW;

export async function seedAudited(manifest: Partial<Manifest> = {}): Promise<AuditedTenant> {
  const actor = await seedTenant();
  const { tenantId } = actor;
  const pluginId = `${tenantId}.notes`;
  const digests = await storeObjects(tenantId);
  const versionId = await seedVersion({ tenantId, pluginId, manifest });
  const { package: packageDigest, original: moduleDigest, rewritten: rewrittenDigest } = digests;
  await db
    .update(pluginVersions)
    .set({ packageDigest, moduleDigest, rewrittenDigest })
    .where(eq(pluginVersions.id, versionId));
  const installId = `install-of-${tenantId}`;
  await db.insert(pluginInstances).values(installRow(tenantId, installId, pluginId, versionId));
  const deps = depsAt(() => clock);
  await compileSnapshot(deps, tenantId);
  return {
    actor,
    deps,
    pluginId,
    installId,
    versionId,
    digests,
    audit: () => {
      clock += MINUTE_MS;
      return auditOne(deps, actor, pluginId);
    },
    findings: (state) => listFindings(db, tenantId, { state }, { limit: 100 }),
  };
}

export function installRow(tenantId: string, id: string, pluginId: string, versionId: string) {
  return {
    id,
    tenantId,
    pluginId,
    ownerTenantId: tenantId,
    versionId,
    state: "active" as const,
    config: {},
    limits: {},
    installedBy: "olga",
    createdAt: NOW,
    updatedAt: NOW,
  };
}

export function contentOf(tenantId: string, what: string): Uint8Array {
  return new TextEncoder().encode(`${what} of ${tenantId}`);
}

/** Objects whose digests are true. */
export async function storeObjects(tenantId: string): Promise<AuditedTenant["digests"]> {
  const put = async (what: string, keyOf: (digest: string) => string): Promise<string> => {
    const bytes = contentOf(tenantId, what);
    const digest = await sha256Hex(bytes);
    await env.STORE.put(keyOf(digest), bytes);
    return digest;
  };
  return {
    package: await put("package", packageKey),
    original: await put("original", moduleKey),
    rewritten: await put("rewritten", moduleKey),
  };
}
