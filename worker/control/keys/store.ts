import { and, desc, eq, isNull, lt, sql, type SQL } from "drizzle-orm";
import type { Database } from "../../db/client.ts";
import { apiKeys } from "../../db/schema.ts";
import type { NewAuditRow } from "../audit-log/rules.ts";
import { recordAudit } from "../audit-log/store.ts";
import { bumpRevision } from "../snapshots/store.ts";
import type { ApiKey } from "./schema.ts";

const fields = {
  id: apiKeys.id,
  name: apiKeys.name,
  roles: apiKeys.roles,
  createdAt: apiKeys.createdAt,
  expiresAt: apiKeys.expiresAt,
  revokedAt: apiKeys.revokedAt,
};

/** Newest first, those before `before`; revoked and expired ones included. */
export async function listKeys(db: Database, tenantId: string, limit: number, before?: string): Promise<ApiKey[]> {
  return db
    .select(fields)
    .from(apiKeys)
    .where(and(eq(apiKeys.tenantId, tenantId), before === undefined ? undefined : lt(apiKeys.id, before)))
    .orderBy(desc(apiKeys.id))
    .limit(limit);
}

/** @returns undefined also where the key is another tenant's */
export async function getKey(db: Database, tenantId: string, keyId: string): Promise<ApiKey | undefined> {
  const rows = await db.select(fields).from(apiKeys).where(ofTenant(tenantId, keyId));
  return rows[0];
}

/**
 * @param secretHash  SHA-256 of the secret, hexadecimal
 * @param quota       active keys that the tenant may have
 * @param audit       row of the log, written where the key is
 * @returns false where the tenant has no room for another
 */
export async function insertKey(
  db: Database,
  tenantId: string,
  key: ApiKey,
  secretHash: string,
  quota: number,
  audit: NewAuditRow,
): Promise<boolean> {
  const active = sql`(SELECT count(*) FROM ${apiKeys} WHERE ${apiKeys.tenantId} = ${tenantId} AND ${apiKeys.revokedAt} IS NULL AND (${apiKeys.expiresAt} IS NULL OR ${apiKeys.expiresAt} > ${key.createdAt}))`;
  const [rows] = await db.batch([
    db
      .insert(apiKeys)
      .select(
        sql`SELECT ${key.id}, ${tenantId}, ${key.name}, ${secretHash}, ${JSON.stringify(key.roles)}, ${key.createdAt}, ${key.expiresAt}, ${key.revokedAt} WHERE ${active} < ${quota}`,
      )
      .returning({ id: apiKeys.id }),
    recordAudit(db, [audit], exists(ofTenant(tenantId, key.id))),
    bumpRevision(db, tenantId, exists(ofTenant(tenantId, key.id))),
  ]);
  return rows.length === 1;
}

/**
 * @param audit  row of the log, written where the key is revoked now
 * @returns false where the tenant has no such key, or it was revoked before
 */
export async function revokeKey(
  db: Database,
  tenantId: string,
  keyId: string,
  now: number,
  audit: NewAuditRow,
): Promise<boolean> {
  const unrevoked = and(ofTenant(tenantId, keyId), isNull(apiKeys.revokedAt));
  const before = sql`(SELECT json_object('name', ${apiKeys.name}, 'roles', json(${apiKeys.roles}), 'expiresAt', ${apiKeys.expiresAt}) FROM ${apiKeys} WHERE ${unrevoked})`;
  const [, , rows] = await db.batch([
    recordAudit(db, [audit], exists(unrevoked), before),
    bumpRevision(db, tenantId, exists(unrevoked)),
    db.update(apiKeys).set({ revokedAt: now }).where(unrevoked).returning({ id: apiKeys.id }),
  ]);
  return rows.length === 1;
}

function exists(condition: SQL | undefined): SQL {
  return sql`EXISTS (SELECT 1 FROM ${apiKeys} WHERE ${condition})`;
}

function ofTenant(tenantId: string, keyId: string) {
  return and(eq(apiKeys.tenantId, tenantId), eq(apiKeys.id, keyId));
}
