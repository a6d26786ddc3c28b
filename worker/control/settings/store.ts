import { desc, lt, sql } from "drizzle-orm";
import type { Settings } from "../../../sdk/contract/settings.ts";
import type { Database } from "../../db/client.ts";
import { platformSettings } from "../../db/schema.ts";
import type { NewAuditRow } from "../audit-log/rules.ts";
import { recordAudit } from "../audit-log/store.ts";
import { eventRecorded, recordEventWhere, type NewEvent } from "../events/store.ts";
import { settingsFrom } from "./rules.ts";

export interface SettingsRevision {
  readonly revision: number;
  readonly settings: Settings;
  readonly changed: readonly string[];
  readonly author: string;
  readonly createdAt: number;
}

/** The revision that holds, or undefined where nothing was ever changed. */
export async function getSettings(db: Database): Promise<SettingsRevision | undefined> {
  const [revision] = await listSettings(db, { limit: 1 });
  return revision;
}

/** The settings in force; what jobs read at the start of a run. */
export async function readSettings(db: Database): Promise<Settings> {
  return (await getSettings(db))?.settings ?? settingsFrom(undefined);
}

/** Newest first. @param page  `before` is the last revision of the page before */
export async function listSettings(
  db: Database,
  page: { readonly limit: number; readonly before?: number | undefined },
): Promise<SettingsRevision[]> {
  const rows = await db
    .select()
    .from(platformSettings)
    .where(page.before === undefined ? undefined : lt(platformSettings.revision, page.before))
    .orderBy(desc(platformSettings.revision))
    .limit(page.limit);
  return rows.map((row) => Object.assign(row, { settings: settingsFrom(row.settings) }));
}

/**
 * Writes the next revision with its event.
 *
 * @param audit  row of the log
 * @returns false where nothing was written, because somebody else was faster
 */
export async function insertSettings(
  db: Database,
  next: SettingsRevision,
  event: NewEvent,
  audit: NewAuditRow,
): Promise<boolean> {
  const { revision, settings, changed, author, createdAt } = next;
  const latest = sql`coalesce((SELECT max(${platformSettings.revision}) FROM ${platformSettings}), 0)`;
  const claim = recordEventWhere(db, event, sql`${latest} = ${revision - 1}`);
  const values = sql.join(
    [revision, JSON.stringify(settings), JSON.stringify(changed), author, createdAt].map((value) => sql`${value}`),
    sql`, `,
  );
  const isNext = eventRecorded(event.id);
  const insert = db.insert(platformSettings).select(sql`SELECT ${values} WHERE ${isNext}`);
  const [recorded] = await db.batch([claim, insert, recordAudit(db, [audit], isNext)]);
  return recorded.length === 1;
}
