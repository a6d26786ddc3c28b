import { and, asc, desc, eq, isNotNull, isNull, sql, type SQL } from "drizzle-orm";
import type { Capability } from "../../../sdk/contract/capabilities.ts";
import type { Database, Statement } from "../../db/client.ts";
import { pluginPermissions } from "../../db/schema.ts";
import type { EndedGrant, Ending, GrantRecord } from "./rules.ts";

const HISTORY_LENGTH = 100;

/** The install that grants belong to. */
export interface InstallScope {
  readonly tenantId: string;
  readonly installId: string;
}

function ofInstall({ tenantId, installId }: InstallScope) {
  return and(eq(pluginPermissions.tenantId, tenantId), eq(pluginPermissions.installId, installId));
}

/** Grants in force. */
export async function listGrants(db: Database, scope: InstallScope): Promise<GrantRecord[]> {
  const rows = await db
    .select({
      id: pluginPermissions.id,
      capability: pluginPermissions.capability,
      version: pluginPermissions.version,
      asked: pluginPermissions.asked,
      granted: pluginPermissions.granted,
      grantedBy: pluginPermissions.grantedBy,
      grantedAt: pluginPermissions.grantedAt,
    })
    .from(pluginPermissions)
    .where(and(ofInstall(scope), isNull(pluginPermissions.endedAt)))
    .orderBy(asc(pluginPermissions.id));
  return rows as GrantRecord[]; // the column holds only names of the table
}

/** Grants of a plugin that ended, newest first, those of installs that were removed among them. */
export async function listEndedGrants(
  db: Database,
  { tenantId, pluginId }: { readonly tenantId: string; readonly pluginId: string },
): Promise<EndedGrant[]> {
  const rows = await db
    .select({
      capability: pluginPermissions.capability,
      version: pluginPermissions.version,
      granted: pluginPermissions.granted,
      grantedBy: pluginPermissions.grantedBy,
      grantedAt: pluginPermissions.grantedAt,
      endedBy: pluginPermissions.endedBy,
      endedAt: pluginPermissions.endedAt,
      ending: pluginPermissions.ending,
    })
    .from(pluginPermissions)
    .where(
      and(
        eq(pluginPermissions.tenantId, tenantId),
        eq(pluginPermissions.pluginId, pluginId),
        isNotNull(pluginPermissions.endedAt),
      ),
    )
    .orderBy(desc(pluginPermissions.endedAt), desc(pluginPermissions.id))
    .limit(HISTORY_LENGTH);
  return rows as EndedGrant[]; // the three are set together, and the column holds only names of the table
}

/**
 * Ends grants of an install.
 *
 * @param capabilities  undefined: all of them
 * @param when          as the condition of the change this belongs to
 */
export function endGrants(
  db: Database,
  scope: InstallScope,
  capabilities: readonly Capability[] | undefined,
  end: { readonly by: string; readonly at: number; readonly ending: Ending },
  when: SQL,
): Statement {
  const named =
    capabilities &&
    sql`${pluginPermissions.capability} IN (SELECT value FROM json_each(${JSON.stringify(capabilities)}))`;
  return db
    .update(pluginPermissions)
    .set({ endedBy: end.by, endedAt: end.at, ending: end.ending })
    .where(and(ofInstall(scope), isNull(pluginPermissions.endedAt), named, when));
}

/** Begins grants of an install, after those that they replace were ended. */
export function beginGrants(
  db: Database,
  scope: InstallScope & { readonly pluginId: string },
  grants: readonly GrantRecord[],
  when: SQL,
): Statement {
  const { tenantId, installId, pluginId } = scope;
  return db
    .insert(pluginPermissions)
    .select(
      sql`SELECT ${field("id")}, ${tenantId}, ${installId}, ${pluginId}, ${field("capability")}, ${field("version")}, ${field("asked")}, ${field("granted")}, ${field("grantedBy")}, ${field("grantedAt")}, NULL, NULL, NULL FROM json_each(${JSON.stringify(grants)}) WHERE ${when}`,
    );
}

function field(name: keyof GrantRecord): SQL {
  return sql.raw(`json_extract(value, '$.${name}')`);
}
