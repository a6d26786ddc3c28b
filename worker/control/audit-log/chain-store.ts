import { sql, type SQL } from "drizzle-orm";
import type { Database, Statement } from "../../db/client.ts";
import { auditChains, auditLog, auditSeals } from "../../db/schema.ts";
import { checkPart, FIRST_HASH, linkRows, type ChainFault, type RawRow, type Seal } from "./chain-rules.ts";

/** Rows of the audit log and their seals. Seals are added in order, each once; there is no statement that changes one. */

/** Rows looked at together: with the largest states about 6 MiB. */
const PAGE = 200;
/** Less than any number of a row. */
const BELOW_ALL = Number.MIN_SAFE_INTEGER;

type Link = Pick<Seal, "sequence" | "hash">;

const COLUMNS = sql`tenant_id AS tenantId, sequence, id, action, resource, resource_id AS resourceId, subject, actor_tenant_id AS actorTenantId, roles, before, after, trace_id AS traceId, at`;

const lastSequence = (tenantId: string): SQL =>
  sql`coalesce((SELECT max(sequence) FROM ${auditSeals} WHERE tenant_id = ${tenantId}), 0)`;

function readRows(db: Database, tenantId: string, after: SQL | number, through: number) {
  return db.all<RawRow>(
    sql`SELECT ${COLUMNS} FROM ${auditLog} WHERE tenant_id = ${tenantId} AND sequence > ${after} AND sequence <= ${through} ORDER BY sequence LIMIT ${PAGE + 1}`,
  );
}

function readSeals(db: Database, tenantId: string, after: SQL | number, through: number) {
  return db.all<Seal>(
    sql`SELECT sequence, row_id AS rowId, hash FROM ${auditSeals} WHERE tenant_id = ${tenantId} AND sequence > ${after} AND sequence <= ${through} ORDER BY sequence LIMIT ${PAGE + 1}`,
  );
}

/** @returns undefined where the number is not sealed */
export async function getSeal(db: Database, tenantId: string, sequence: number): Promise<Seal | undefined> {
  return (await readSeals(db, tenantId, sequence - 1, sequence))[0];
}

/** The last seal; number 0 where nothing is sealed. */
export async function getLastSeal(db: Database, tenantId: string): Promise<Link> {
  const last = lastSequence(tenantId);
  const [seal] = await readSeals(db, tenantId, sql`${last} - 1`, Number.MAX_SAFE_INTEGER);
  return seal ?? { sequence: 0, hash: FIRST_HASH };
}

/**
 * Seals the tenant's next rows. Two at once cannot fork the chain: a page is inserted whole, and only behind the seal it was
 * linked to.
 *
 * @returns true where there may be more to seal
 */
export async function sealPage(
  db: Database,
  tenantId: string,
  now: number,
): Promise<{ sealed: number; more: boolean }> {
  const last = lastSequence(tenantId);
  const rows = await readRows(db, tenantId, last, Number.MAX_SAFE_INTEGER);
  if (rows.length === 0) return { sealed: 0, more: false };
  // Where others sealed meanwhile, the rows do not follow this seal, and nothing is linked.
  const behind = await getLastSeal(db, tenantId);
  const links = await linkRows(behind, rows.slice(0, PAGE));
  if (links.length === 0) return { sealed: 0, more: false };
  const { meta } = await db.run(
    sql`INSERT INTO ${auditSeals} (tenant_id, sequence, row_id, hash, sealed_at)
      SELECT ${tenantId}, json_extract(value, '$.sequence'), json_extract(value, '$.rowId'), json_extract(value, '$.hash'), ${now} FROM json_each(${JSON.stringify(links)})
      WHERE ${last} = ${behind.sequence} AND coalesce((SELECT hash FROM ${auditSeals} WHERE tenant_id = ${tenantId} AND sequence = ${behind.sequence}), ${FIRST_HASH}) = ${behind.hash}`,
  );
  const sealed = meta.changes > 0 ? links.length : 0;
  return { sealed, more: sealed > 0 && rows.length > PAGE };
}

export interface Verification {
  /** Rows found to be as they were sealed. */
  readonly verified: number;
  /** Number of the last of them, or the number before the first. */
  readonly through: number;
  /** Number of the last seal. */
  readonly sealed: number;
  readonly firstBroken: ChainFault | undefined;
}

/**
 * Checks rows and seals of a tenant against each other.
 *
 * @param range  numbers `after + 1` to `through`, as far as they are sealed; at most `most` rows
 */
export async function verifySeals(
  db: Database,
  tenantId: string,
  range: { readonly after: number; readonly through?: number; readonly most: number },
): Promise<Verification> {
  const { after } = range;
  const { sequence: sealed } = await getLastSeal(db, tenantId);
  const end = Math.min(sealed, after + range.most, range.through ?? sealed);
  const start = after === 0 ? { sequence: 0, hash: FIRST_HASH } : await getSeal(db, tenantId, after);
  const result = (through: number, firstBroken?: ChainFault): Verification => {
    return { verified: Math.max(through - after, 0), through, sealed, firstBroken };
  };
  if (!start) return after <= sealed ? result(after, { sequence: after, fault: "seal-missing" }) : result(after);
  let link: Link = start;
  while (link.sequence < end) {
    const through = Math.min(link.sequence + PAGE, end);
    const [seals, rows] = await Promise.all([
      readSeals(db, tenantId, link.sequence, through),
      readRows(db, tenantId, link.sequence === 0 ? BELOW_ALL : link.sequence, through),
    ]);
    const found = await checkPart({ after: link.sequence, through, hash: link.hash, seals, rows });
    if ("fault" in found) return result(Math.min(Math.max(found.sequence - 1, after), through), found);
    link = found;
  }
  return result(link.sequence);
}

/** Rows that are not sealed yet, when the first of them was written, and the first number among them that is missing. */
export async function readUnsealed(
  db: Database,
  tenantId: string,
): Promise<{ readonly rows: number; readonly since: number | null; readonly gap: number | null }> {
  const last = lastSequence(tenantId);
  const [found] = await db.all<{ rows: number; since: number | null; gap: number | null }>(
    sql`SELECT count(*) AS rows, min(at) AS since, min(CASE WHEN sequence <> expected THEN expected END) AS gap
      FROM (SELECT sequence, at, ${last} + row_number() OVER (ORDER BY sequence) AS expected FROM ${auditLog} WHERE tenant_id = ${tenantId} AND sequence > ${last})`,
  );
  return found ?? { rows: 0, since: null, gap: null };
}

export type ChainState = typeof auditChains.$inferSelect;

export async function getChainState(db: Database, tenantId: string): Promise<ChainState> {
  const [state] = await db
    .select()
    .from(auditChains)
    .where(sql`${auditChains.tenantId} = ${tenantId}`);
  const none = { headSequence: 0, verifiedSequence: 0, checkedAt: 0, brokenSequence: null, brokenFault: null };
  return state ?? { tenantId, ...none };
}

export function setChainState(
  db: Database,
  tenantId: string,
  change: Partial<Omit<ChainState, "tenantId">>,
): Statement {
  return db
    .insert(auditChains)
    .values({ tenantId, ...change })
    .onConflictDoUpdate({ target: auditChains.tenantId, set: change });
}

/** Tenants with rows that the head in the store does not cover; in no order, so that those that stay so are in nobody's way. */
export async function listTenantsBehind(db: Database, limit: number): Promise<string[]> {
  const rows = await db.all<{ id: string }>(
    sql`SELECT t.id FROM tenants AS t LEFT JOIN ${auditChains} AS c ON c.tenant_id = t.id
      WHERE (SELECT max(sequence) FROM ${auditLog} AS l WHERE l.tenant_id = t.id) > coalesce(c.head_sequence, 0) ORDER BY random() LIMIT ${limit}`,
  );
  return rows.map(({ id }) => id);
}

/** Tenants in the order in which their logs are due to be checked. */
export async function listTenantsToCheck(db: Database, limit: number): Promise<string[]> {
  const rows = await db.all<{ id: string }>(
    sql`SELECT t.id FROM tenants AS t LEFT JOIN ${auditChains} AS c ON c.tenant_id = t.id ORDER BY coalesce(c.checked_at, 0), t.id LIMIT ${limit}`,
  );
  return rows.map(({ id }) => id);
}
