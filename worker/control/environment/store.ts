import { desc, eq, sql } from "drizzle-orm";
import type { Database } from "../../db/client.ts";
import { environments } from "../../db/schema.ts";
import { recordEventWhere, type NewEvent } from "../events/store.ts";
import type { EnvironmentFacts, Fingerprint } from "./rules.ts";

/** Deployments looked back at. */
const LOOK_BACK = 50;

type Facts = Omit<EnvironmentFacts, "known">;

function selectApplied(db: Database) {
  return db.select({ name: sql<string>`name` }).from(sql`d1_migrations`);
}

/**
 * What the data say of the deployments that wrote them, in one batch.
 *
 * @param needed  last migration that the code needs: without it other tables may be missing, and all that is known is that it is
 * @returns `digests` is undefined where deployments have no place in the database
 */
export async function readFacts(
  db: Database,
  needed: string,
): Promise<Facts & { readonly digests: readonly string[] | undefined }> {
  try {
    return await readAll(db);
  } catch (error) {
    const applied = (await selectApplied(db)).map(({ name }) => name);
    if (applied.includes(needed)) throw error;
    return { applied, earlier: [], digests: undefined, usedKeys: {} };
  }
}

async function readAll(db: Database): Promise<Facts & { readonly digests: readonly string[] }> {
  const [applied, earlier, configKeys] = await db.batch([
    selectApplied(db),
    db.select().from(environments).orderBy(desc(environments.firstSeenAt)).limit(LOOK_BACK),
    // Every sealed value names its key; nothing else in these documents is called so.
    db
      .select({ id: sql<string>`DISTINCT value` })
      .from(
        sql`(SELECT tree.value FROM plugin_configurations, json_tree(plugin_configurations.secrets) AS tree WHERE tree.key = 'key' AND tree.type = 'text' UNION SELECT json_extract(secret, '$.key') FROM webhooks)`,
      ),
  ]);
  return {
    applied: applied.map(({ name }) => name),
    earlier: earlier.map(({ fingerprint }) => fingerprint),
    digests: earlier.map(({ digest }) => digest),
    usedKeys: { CONFIG_KEYS: configKeys.map(({ id }) => id) },
  };
}

/**
 * Keeps a deployment that was not seen before, with its event.
 *
 * @param event  absent for the very first
 */
export async function insertEnvironment(
  db: Database,
  seen: { readonly digest: string; readonly fingerprint: Fingerprint; readonly firstSeenAt: number },
  event: NewEvent | undefined,
): Promise<void> {
  const insert = db.insert(environments).values(seen).onConflictDoNothing();
  if (!event) return void (await insert);
  const isNew = sql`NOT EXISTS (SELECT 1 FROM ${environments} WHERE ${eq(environments.digest, seen.digest)})`;
  await db.batch([recordEventWhere(db, event, isNew), insert]);
}
