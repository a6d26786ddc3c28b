import { and, eq, isNull, sql, type SQL } from "drizzle-orm";
import type { Addition } from "../../../sdk/contract/grants.ts";
import type { Database, Statement } from "../../db/client.ts";
import { pluginConsents } from "../../db/schema.ts";
import type { InstallScope } from "./store.ts";

/** A version that waits for an admin's consent. */
export interface PendingConsent {
  readonly id: string;
  readonly fromVersion: string;
  readonly version: string;
  readonly additions: readonly Addition[];
  readonly requestedBy: string;
  readonly requestedAt: number;
}

function pendingOf({ tenantId, installId }: InstallScope) {
  return and(
    eq(pluginConsents.tenantId, tenantId),
    eq(pluginConsents.installId, installId),
    isNull(pluginConsents.decidedAt),
  );
}

export async function getPendingConsent(db: Database, scope: InstallScope): Promise<PendingConsent | undefined> {
  const rows = await db
    .select({
      id: pluginConsents.id,
      fromVersion: pluginConsents.fromVersion,
      version: pluginConsents.version,
      additions: pluginConsents.additions,
      requestedBy: pluginConsents.requestedBy,
      requestedAt: pluginConsents.requestedAt,
    })
    .from(pluginConsents)
    .where(pendingOf(scope));
  return rows[0];
}

/** Ends what waits for the install, if anything does. */
export function decideConsent(
  db: Database,
  scope: InstallScope,
  decision: { readonly by: string; readonly at: number; readonly decision: "granted" | "refused" | "superseded" },
  when: SQL,
): Statement {
  return db
    .update(pluginConsents)
    .set({ decidedBy: decision.by, decidedAt: decision.at, decision: decision.decision })
    .where(and(pendingOf(scope), when));
}

/** Begins to wait, after what waited before was ended. */
export function insertConsent(
  db: Database,
  scope: InstallScope & { readonly pluginId: string },
  consent: PendingConsent,
  when: SQL,
): Statement {
  const { id, fromVersion, version, additions, requestedBy, requestedAt } = consent;
  const { tenantId, installId, pluginId } = scope;
  return db
    .insert(pluginConsents)
    .select(
      sql`SELECT ${id}, ${tenantId}, ${installId}, ${pluginId}, ${fromVersion}, ${version}, ${JSON.stringify(additions)}, ${requestedBy}, ${requestedAt}, NULL, NULL, NULL WHERE ${when}`,
    );
}
