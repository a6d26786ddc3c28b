import { and, desc, eq, lte, lt, sql, type SQL } from "drizzle-orm";
import type { Environment } from "../../../sdk/contract/config/environments.ts";
import type { JsonObject } from "../../../sdk/contract/config/json-values.ts";
import type { Database, Statement } from "../../db/client.ts";
import { pluginConfigurations } from "../../db/schema.ts";
import type { Revision, RevisionHead } from "./configuration-record.ts";

/** Revisions kept of one install; older ones are deleted as new ones come. */
export const REVISIONS_KEPT = 100;

export interface NewRevision extends Revision {
  readonly tenantId: string;
  readonly installId: string;
  readonly pluginId: string;
  readonly effective: Partial<Readonly<Record<Environment, JsonObject>>>;
}

const HEAD = {
  revision: pluginConfigurations.revision,
  version: pluginConfigurations.version,
  environment: pluginConfigurations.environment,
  change: pluginConfigurations.change,
  changed: pluginConfigurations.changed,
  author: pluginConfigurations.author,
  createdAt: pluginConfigurations.createdAt,
};

interface Scope {
  readonly tenantId: string;
  readonly installId: string;
}

function within({ tenantId, installId }: Scope): SQL | undefined {
  return and(eq(pluginConfigurations.tenantId, tenantId), eq(pluginConfigurations.installId, installId));
}

/** Writes a revision, and deletes what is too old, where a condition holds. */
export function insertRevision(db: Database, revision: NewRevision, happened: SQL): Statement[] {
  const values = [
    revision.installId,
    revision.revision,
    revision.tenantId,
    revision.pluginId,
    revision.version,
    JSON.stringify(revision.document.values),
    JSON.stringify(revision.document.secrets),
    JSON.stringify(revision.effective),
    revision.environment,
    revision.change,
    JSON.stringify(revision.changed),
    revision.author,
    revision.createdAt,
  ].map((value) => sql`${value}`);
  return [
    db.insert(pluginConfigurations).select(sql`SELECT ${sql.join(values, sql`, `)} WHERE ${happened}`),
    db
      .delete(pluginConfigurations)
      .where(and(within(revision), lte(pluginConfigurations.revision, revision.revision - REVISIONS_KEPT), happened)),
  ];
}

/** Deletes the secrets of all revisions of an install, where a condition holds. */
export function forgetSecrets(db: Database, scope: Scope, happened: SQL): Statement {
  return db
    .update(pluginConfigurations)
    .set({ secrets: {} })
    .where(and(within(scope), happened));
}

export async function getRevision(db: Database, scope: Scope, revision: number): Promise<Revision | undefined> {
  const rows = await db
    .select({ ...HEAD, values: pluginConfigurations.values, secrets: pluginConfigurations.secrets })
    .from(pluginConfigurations)
    .where(and(within(scope), eq(pluginConfigurations.revision, revision)));
  const [row] = rows;
  if (!row) return undefined;
  const { values, secrets, ...head } = row;
  return { ...head, document: { values, secrets } };
}

/** The newest revision that fits a version's schema, older than one. */
export async function findRevisionOf(db: Database, scope: Scope, version: string): Promise<Revision | undefined> {
  const rows = await db
    .select({ revision: pluginConfigurations.revision })
    .from(pluginConfigurations)
    .where(and(within(scope), eq(pluginConfigurations.version, version)))
    .orderBy(desc(pluginConfigurations.revision))
    .limit(1);
  return rows[0] && getRevision(db, scope, rows[0].revision);
}

/**
 * Newest first.
 *
 * @param page  `before` is the last revision of the page before
 */
export async function listRevisions(
  db: Database,
  scope: Scope,
  page: { readonly limit: number; readonly before?: number | undefined },
): Promise<RevisionHead[]> {
  return db
    .select(HEAD)
    .from(pluginConfigurations)
    .where(and(within(scope), page.before === undefined ? undefined : lt(pluginConfigurations.revision, page.before)))
    .orderBy(desc(pluginConfigurations.revision))
    .limit(page.limit);
}
