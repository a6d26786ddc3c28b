import { and, asc, eq, gt, sql, type SQL } from "drizzle-orm";
import type { JsonObject } from "../../../sdk/contract/config/json-values.ts";
import type { Database } from "../../db/client.ts";
import type { NewAuditRow } from "../audit-log/rules.ts";
import { recordAudit } from "../audit-log/store.ts";
import { eventRecorded, recordEventWhere, type NewEvent } from "../events/store.ts";
import { configTemplates } from "../../db/schema.ts";

export interface Template {
  readonly tenantId: string;
  readonly pluginId: string;
  readonly name: string;
  readonly description: string;
  readonly values: JsonObject;
  readonly author: string;
  readonly createdAt: number;
  readonly updatedAt: number;
}

type Scope = Pick<Template, "tenantId" | "pluginId">;

function within({ tenantId, pluginId }: Scope) {
  return and(eq(configTemplates.tenantId, tenantId), eq(configTemplates.pluginId, pluginId));
}

export async function getTemplate(db: Database, scope: Scope, name: string): Promise<Template | undefined> {
  const rows = await db
    .select()
    .from(configTemplates)
    .where(and(within(scope), eq(configTemplates.name, name)));
  return rows[0];
}

/** By name, those after `after`. */
export async function listTemplates(
  db: Database,
  scope: Scope,
  page: { readonly limit: number; readonly after?: string | undefined },
): Promise<Template[]> {
  return db
    .select()
    .from(configTemplates)
    .where(and(within(scope), page.after === undefined ? undefined : gt(configTemplates.name, page.after)))
    .orderBy(asc(configTemplates.name))
    .limit(page.limit);
}

/**
 * Writes a template, the first time or again, with its event, unless there are too many.
 *
 * @param most   templates that one plugin of a tenant may have
 * @param audit  row of the log
 * @returns false where it would be one too many
 */
export async function saveTemplate(
  db: Database,
  template: Template,
  event: NewEvent,
  most: number,
  audit: NewAuditRow,
): Promise<boolean> {
  const { description, values, author, updatedAt } = template;
  const row = [template.tenantId, template.pluginId, template.name, description, JSON.stringify(values), author];
  const columns = [...row, template.createdAt, updatedAt].map((value) => sql`${value}`);
  const others = sql`(SELECT count(*) FROM ${configTemplates} WHERE ${within(template)} AND ${configTemplates.name} <> ${template.name})`;
  const claim = recordEventWhere(db, event, sql`${others} < ${most}`);
  const write = db
    .insert(configTemplates)
    .select(sql`SELECT ${sql.join(columns, sql`, `)} WHERE ${eventRecorded(event.id)}`)
    .onConflictDoUpdate({
      target: [configTemplates.tenantId, configTemplates.pluginId, configTemplates.name],
      set: { description, values, author, updatedAt },
    });
  const log = recordAudit(db, [audit], eventRecorded(event.id), namesBefore(template, template.name));
  const [recorded] = await db.batch([claim, log, write]);
  return recorded.length === 1;
}

/**
 * Deletes a template with its event.
 *
 * @param audit  row of the log
 * @returns false where there was none
 */
export async function deleteTemplate(
  db: Database,
  scope: Scope,
  name: string,
  event: NewEvent,
  audit: NewAuditRow,
): Promise<boolean> {
  const which = and(within(scope), eq(configTemplates.name, name));
  const claim = recordEventWhere(db, event, sql`EXISTS (SELECT 1 FROM ${configTemplates} WHERE ${which})`);
  const remove = db.delete(configTemplates).where(and(which, eventRecorded(event.id)));
  const log = recordAudit(db, [audit], eventRecorded(event.id), namesBefore(scope, name));
  const [recorded] = await db.batch([claim, log, remove]);
  return recorded.length === 1;
}

/** The template as it is before the change, for the log: names only, as of all configuration. */
function namesBefore(scope: Scope, name: string): SQL {
  const names = sql`(SELECT json_group_array(key) FROM json_each(${configTemplates.values}))`;
  return sql`(SELECT json_object('description', ${configTemplates.description}, 'keys', json(${names})) FROM ${configTemplates} WHERE ${within(scope)} AND ${configTemplates.name} = ${name})`;
}
