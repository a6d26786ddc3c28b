import { and, asc, eq, sql, type SQL } from "drizzle-orm";
import type { Database, Statement } from "../../db/client.ts";
import { installSecrets } from "../../db/schema.ts";
import type { NewAuditRow } from "../audit-log/rules.ts";
import { recordAudit } from "../audit-log/store.ts";
import { eventRecorded, recordEventWhere, type NewEvent } from "../events/store.ts";
import type { InstallSecret, SecretPlace } from "./secret-record.ts";

/** The table's columns, in its order. */
const COLUMNS = [
  "tenantId",
  "installId",
  "kind",
  "name",
  "sealed",
  "detail",
  "revision",
  "updatedBy",
  "updatedAt",
] as const satisfies readonly (keyof InstallSecret)[];
const KEY = [installSecrets.tenantId, installSecrets.installId, installSecrets.kind, installSecrets.name];

const at = ({ tenantId, installId, kind, name }: SecretPlace) =>
  and(
    eq(installSecrets.tenantId, tenantId),
    eq(installSecrets.installId, installId),
    eq(installSecrets.kind, kind),
    eq(installSecrets.name, name),
  );

/** What a change leaves in the logs. */
export interface SecretTrace {
  readonly event: NewEvent;
  readonly audit: NewAuditRow;
}

export async function getSecret(db: Database, place: SecretPlace): Promise<InstallSecret | undefined> {
  return (await db.select().from(installSecrets).where(at(place)))[0];
}

/** Those of one kind, by name. */
export async function listSecrets(
  db: Database,
  { tenantId, installId, kind }: Omit<SecretPlace, "name">,
): Promise<InstallSecret[]> {
  return db
    .select()
    .from(installSecrets)
    .where(
      and(
        eq(installSecrets.tenantId, tenantId),
        eq(installSecrets.installId, installId),
        eq(installSecrets.kind, kind),
      ),
    )
    .orderBy(asc(installSecrets.name));
}

/** Writes a secret that nobody asked for, unless there is one. */
export async function insertSecretIfAbsent(db: Database, secret: InstallSecret): Promise<void> {
  await db
    .insert(installSecrets)
    .select(rowOf(secret, sql`true`))
    .onConflictDoNothing();
}

/**
 * Writes a secret over the one that was read, with its trace.
 *
 * @param secret  its revision is one more than that which was read
 * @returns false where it was changed meanwhile
 */
export async function putSecret(db: Database, secret: InstallSecret, { event, audit }: SecretTrace): Promise<boolean> {
  const revision = sql`coalesce((SELECT max(${installSecrets.revision}) FROM ${installSecrets} WHERE ${at(secret)}), 0)`;
  const { sealed, detail, updatedBy, updatedAt } = secret;
  const [recorded] = await db.batch([
    recordEventWhere(db, event, sql`${revision} = ${secret.revision - 1}`),
    recordAudit(db, [audit], eventRecorded(event.id)),
    db
      .insert(installSecrets)
      .select(rowOf(secret, eventRecorded(event.id)))
      .onConflictDoUpdate({ target: KEY, set: { sealed, detail, revision: secret.revision, updatedBy, updatedAt } }),
  ]);
  return recorded.length === 1;
}

/** @returns false where there is none */
export async function deleteSecret(db: Database, place: SecretPlace, { event, audit }: SecretTrace): Promise<boolean> {
  const there = sql`EXISTS (SELECT 1 FROM ${installSecrets} WHERE ${at(place)})`;
  const [recorded] = await db.batch([
    recordEventWhere(db, event, there),
    recordAudit(db, [audit], eventRecorded(event.id)),
    db.delete(installSecrets).where(and(at(place), eventRecorded(event.id))),
  ]);
  return recorded.length === 1;
}

/** For the batch that removes the install. */
export function forgetInstallSecrets(
  db: Database,
  { tenantId, installId }: { readonly tenantId: string; readonly installId: string },
  when: SQL,
): Statement {
  return db
    .delete(installSecrets)
    .where(and(eq(installSecrets.tenantId, tenantId), eq(installSecrets.installId, installId), when));
}

function rowOf(secret: InstallSecret, when: SQL): SQL {
  const columns = COLUMNS.map((name) => sql.raw(`json_extract(value, '$.${name}')`));
  return sql`SELECT ${sql.join(columns, sql`, `)} FROM json_each(${JSON.stringify([secret])}) WHERE ${when}`;
}
