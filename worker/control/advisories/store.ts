import { and, desc, eq, isNull, lt, sql } from "drizzle-orm";
import type { Database } from "../../db/client.ts";
import { pluginAdvisories } from "../../db/schema.ts";
import type { Advisory } from "./advisory-record.ts";

export function insertAdvisory(db: Database, advisory: Advisory) {
  return db.insert(pluginAdvisories).values(advisory);
}

export function withdrawAdvisory(db: Database, id: string, at: number) {
  return db
    .update(pluginAdvisories)
    .set({ withdrawnAt: at })
    .where(and(eq(pluginAdvisories.id, id), isNull(pluginAdvisories.withdrawnAt)));
}

export async function getAdvisory(db: Database, id: string): Promise<Advisory | undefined> {
  const rows = await db.select().from(pluginAdvisories).where(eq(pluginAdvisories.id, id));
  return rows[0];
}

/** Advisories in force about some plugins. */
export async function advisoriesAbout(db: Database, pluginIds: readonly string[]): Promise<Advisory[]> {
  return db
    .select()
    .from(pluginAdvisories)
    .where(
      and(
        sql`${pluginAdvisories.pluginId} IN (SELECT value FROM json_each(${JSON.stringify(pluginIds)}))`,
        isNull(pluginAdvisories.withdrawnAt),
      ),
    );
}

/** Newest first, withdrawn ones too. @param page  `before` is the id of the last advisory of the page before */
export async function listAdvisories(
  db: Database,
  page: { readonly limit: number; readonly before?: string | undefined },
): Promise<Advisory[]> {
  return db
    .select()
    .from(pluginAdvisories)
    .where(page.before === undefined ? undefined : lt(pluginAdvisories.id, page.before))
    .orderBy(desc(pluginAdvisories.id))
    .limit(page.limit);
}
