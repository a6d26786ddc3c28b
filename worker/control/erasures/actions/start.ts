import { PlatformError } from "../../../../sdk/contract/errors.ts";
import { PLATFORM_TENANT } from "../../../../sdk/contract/identifiers.ts";
import { commit } from "../../../db/client.ts";
import type { Actor } from "../../../lib/actor.ts";
import { auditRow } from "../../audit-log/rules.ts";
import { recordAudit } from "../../audit-log/store.ts";
import { confirm, refuseConfirmation, type Confirmation } from "../../backups/actions/confirm.ts";
import { launch } from "../../backups/actions/manage.ts";
import { isRestoring, listBackups } from "../../backups/store.ts";
import { readSchema } from "../../backups/schema-store.ts";
import { eraseTenantKey } from "../../backups/tenant-key-store.ts";
import { readTenant } from "../../tenants/actions.ts";
import type { Tenant } from "../../tenants/schema.ts";
import { NOTHING_ERASED, type Erasure } from "../erasure-record.ts";
import { countObjects } from "../objects-store.ts";
import { countOwnedRows, listInstallIds } from "../rows-store.ts";
import { ABANDONED_MS } from "../rules.ts";
import { getErasure, insertErasure } from "../store.ts";
import type { ErasureDeps } from "./context.ts";
import { countPackages } from "./packages.ts";

export interface ErasurePlan {
  readonly tenantId: string;
  readonly name: string;
  readonly status: Tenant["status"];
  /** Rows by table of what the tenant has set up; a confirmation holds only while they stay the same. */
  readonly tables: Readonly<Record<string, number>>;
  /** Rows by table of what happened, which may grow meanwhile. */
  readonly records: Readonly<Record<string, number>>;
  /** Installs whose Durable Objects would be emptied. */
  readonly installs: number;
  /** Objects of the store by place. */
  readonly objects: Readonly<Record<string, number>>;
  /** There are more objects than were counted. */
  readonly moreObjects: boolean;
  /** Objects of packages: those that would be deleted, and those that stay because others have the same package. */
  readonly packages: { readonly deleted: number; readonly shared: number };
  /** Backups of this tenant only. Of all others its part becomes unreadable. */
  readonly backups: number;
}

const PURPOSE = "patchbay erasure";
const MOST_BACKUPS = 1_000;

/**
 * What an erasure would delete. Nothing is changed.
 *
 * @throws {PlatformError} TENANT_NOT_FOUND; ERASURE_REFUSED for the platform's own tenant
 */
export async function planErasure(deps: ErasureDeps, tenantId: string): Promise<ErasurePlan> {
  const { name, status } = await readTenant(deps, tenantId);
  if (tenantId === PLATFORM_TENANT) {
    throw new PlatformError("ERASURE_REFUSED", `The platform tenant "${PLATFORM_TENANT}" cannot be erased.`);
  }
  const { DB, STORE } = deps.env;
  const [rows, schema, installs, { objects, more }, packages, backups] = await Promise.all([
    countOwnedRows(DB, tenantId),
    readSchema(DB),
    listInstallIds(DB, tenantId),
    countObjects(STORE, tenantId),
    countPackages(deps, tenantId),
    listBackups(deps.db, {}, { limit: MOST_BACKUPS }),
  ]);
  const set = new Set(
    schema.tables.filter(({ kind }) => kind === "state" || kind === "shared").map((table) => table.name),
  );
  const counted = Object.entries(rows);
  return {
    tenantId,
    name,
    status,
    tables: Object.fromEntries(counted.filter(([table]) => set.has(table))),
    records: Object.fromEntries(counted.filter(([table]) => !set.has(table))),
    installs: installs.length,
    objects,
    moreObjects: more,
    packages,
    backups: backups.filter((backup) => backup.tenantId === tenantId).length,
  };
}

/** What a confirmation is bound to: not what goes on by itself. */
function boundTo({ tenantId, name, status, tables, installs, packages }: ErasurePlan): object {
  return { tenantId, name, status, tables, installs, packages };
}

export function confirmErasure(deps: ErasureDeps, actor: Actor, plan: ErasurePlan): Promise<Confirmation> {
  return confirm(deps, PURPOSE, actor, boundTo(plan));
}

/**
 * Begins to erase a suspended tenant. There is no way back from here: its part of every backup is unreadable at once, and the rest
 * is deleted in the background, as often as it takes. A tenant that is being erased or was stays as it is.
 *
 * @param confirmation  what the plan's answer said
 * @throws {PlatformError} TENANT_NOT_FOUND; ERASURE_REFUSED where the tenant is not suspended, or it is not, or no longer, the
 *   confirmation of this plan; STATE_CONFLICT while the tenant is restored
 */
export async function startErasure(
  deps: ErasureDeps,
  actor: Actor,
  tenantId: string,
  confirmation: string,
): Promise<Erasure> {
  const known = await getErasure(deps.db, tenantId);
  if (known) return known;
  const plan = await planErasure(deps, tenantId);
  if (plan.status !== "suspended") {
    throw new PlatformError("ERASURE_REFUSED", `The tenant "${tenantId}" is ${plan.status}; suspend it first.`);
  }
  const refused = await refuseConfirmation(deps, PURPOSE, actor, boundTo(plan), confirmation);
  if (refused !== undefined) throw new PlatformError("ERASURE_REFUSED", refused);
  if (await isRestoring(deps.db, { kind: "tenant", tenantId }))
    throw new PlatformError("STATE_CONFLICT", `A restore runs that may be of the tenant "${tenantId}".`);
  const now = deps.clock.now();
  const erasure: Erasure = {
    tenantId,
    status: "running",
    requestedBy: actor.subject,
    startedAt: now,
    finishedAt: null,
    dueAt: now + ABANDONED_MS,
    failures: 0,
    progress: { step: "key", after: "" },
    installs: await listInstallIds(deps.env.DB, tenantId),
    counts: NOTHING_ERASED,
    remaining: [],
    updatedAt: now,
  };
  const { name: _name, ...counted } = plan;
  const audited = { action: "tenant.erase", resourceId: tenantId, after: counted, tenantId: PLATFORM_TENANT } as const;
  const audit = auditRow(actor, audited, deps.newId(), now);
  await commit(deps.db, insertErasure(deps.db, erasure), recordAudit(deps.db, [audit]));
  await eraseTenantKey(deps, tenantId, now);
  await launch(deps, { kind: "erasure", id: tenantId });
  return (await getErasure(deps.db, tenantId)) ?? erasure;
}
