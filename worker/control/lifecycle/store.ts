import { and, desc, eq, inArray } from "drizzle-orm";
import type { Database } from "../../db/client.ts";
import { pluginEvents } from "../../db/schema.ts";
import type { InstanceState } from "../installs/rules.ts";

/**
 * State of an install's instance: the one that the last event of its moves led to. The log is the only record of it.
 *
 * @returns undefined where there was no move yet
 */
export async function readInstanceState(
  db: Database,
  scope: { readonly tenantId: string; readonly pluginId: string; readonly installId: string },
): Promise<InstanceState | undefined> {
  const rows = await db
    .select({ data: pluginEvents.data })
    .from(pluginEvents)
    .where(
      and(
        eq(pluginEvents.tenantId, scope.tenantId),
        eq(pluginEvents.pluginId, scope.pluginId),
        inArray(pluginEvents.type, ["instance.moved", "instance.failed"]),
      ),
    )
    .orderBy(desc(pluginEvents.sequence))
    .limit(1);
  const data = rows[0]?.data as Readonly<Record<string, unknown>> | undefined;
  return data && data["installId"] === scope.installId ? (data["to"] as InstanceState) : undefined; // as the catalogue writes it
}
