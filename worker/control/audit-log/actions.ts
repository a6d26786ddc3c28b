import { eq, sql } from "drizzle-orm";
import type { Deps } from "../../deps.ts";
import { auditChains } from "../../db/schema.ts";
import { errorText } from "../../lib/error-text.ts";
import { logError } from "../../lib/json-log.ts";
import { SYSTEM_SUBJECT } from "../events/rules.ts";
import { recordEventWhere } from "../events/store.ts";
import type { ChainFault } from "./chain-rules.ts";
import {
  getChainState,
  getLastSeal,
  getSeal,
  listTenantsBehind,
  listTenantsToCheck,
  readUnsealed,
  sealPage,
  setChainState,
  verifySeals,
  type Verification,
} from "./chain-store.ts";
import { readHead, writeHead, type Head } from "./head-store.ts";

/** Sealing the audit logs, and finding where one is not as it was sealed. */

export type SealDeps = Pick<Deps, "db" | "clock"> & { readonly env: Pick<Env, "STORE"> };

/** Pages sealed in one go; whoever comes next goes on. */
const PAGES = 25;
/** Tenants whose logs one run seals or checks, and rows that it checks. */
const SEALED_PER_RUN = 200;
const CHECKED_PER_RUN = 100;
const ROWS_PER_RUN = 10_000;

/** Seals what was added to a tenant's log and writes the head of its chain to the store. Does nothing where nothing was added. */
export async function sealAuditLog(deps: SealDeps, tenantId: string): Promise<void> {
  let sealed = 0;
  for (let page = 0; page < PAGES; page++) {
    const done = await sealPage(deps.db, tenantId, deps.clock.now());
    sealed += done.sealed;
    if (!done.more) break;
  }
  if (sealed > 0) await advanceHead(deps, tenantId);
}

/** The head moves on only where the one that is there fits the chain: what was tampered with stays visible. */
async function advanceHead({ db, env, clock }: SealDeps, tenantId: string): Promise<void> {
  const [last, before] = await Promise.all([getLastSeal(db, tenantId), readHead(env.STORE, tenantId)]);
  if (last.sequence === 0) return;
  if (before) {
    const { head } = before;
    const sealed = head && (await getSeal(db, tenantId, head.sequence));
    if (sealed?.hash !== head?.hash || !head) return;
  }
  if (!before && (await getChainState(db, tenantId)).headSequence > 0) return;
  const isNewer = last.sequence > (before?.head?.sequence ?? 0);
  if (isNewer && !(await writeHead(env.STORE, tenantId, { ...last, at: clock.now() }, before))) return;
  await db.batch([setChainState(db, tenantId, { headSequence: last.sequence })]);
}

/** Makes up for logs that nobody came by to seal. */
export async function sealAuditLogs(deps: SealDeps): Promise<void> {
  const tenants = await listTenantsBehind(deps.db, SEALED_PER_RUN);
  await forEach("sealed", tenants, async (tenantId) => {
    await sealAuditLog(deps, tenantId);
    await advanceHead(deps, tenantId);
  });
}

/** One log that fails stops no other; the run as a whole has then failed. */
async function forEach(done: string, tenants: readonly string[], work: (tenantId: string) => Promise<void>) {
  const failed: string[] = [];
  for (const tenantId of tenants) {
    await work(tenantId).catch((error: unknown) => {
      failed.push(tenantId);
      logError(`audit-log.not-${done}`, { tenantId, error: errorText(error) });
    });
  }
  if (failed.length > 0) throw new Error(`Audit logs could not be ${done}: ${failed.join(", ")}`);
}

export interface LogVerification extends Verification {
  /** True where the log was checked to its end, unsealed rows and the head in the store included. */
  readonly complete: boolean;
  /** Rows that are not sealed yet, and when the first of them was written. */
  readonly unsealed: { readonly rows: number; readonly since: number | null };
  /** What the store holds; null where nothing was written to it. */
  readonly head: Head | null;
}

/** @param range  begins behind the number `after` and ends after `most` rows or with the log */
export async function verifyAuditLog(
  { db, env }: Pick<SealDeps, "db" | "env">,
  tenantId: string,
  range: { readonly after: number; readonly most: number },
): Promise<LogVerification> {
  const found = await verifySeals(db, tenantId, range);
  const { rows, since, gap } = await readUnsealed(db, tenantId);
  const stored = await readHead(env.STORE, tenantId);
  const complete = found.firstBroken === undefined && found.through >= found.sealed;
  let { firstBroken } = found;
  if (complete) {
    firstBroken = await headFault(db, tenantId, stored?.head, stored !== undefined);
    if (!firstBroken && gap !== null) firstBroken = { sequence: gap, fault: "row-missing" };
  }
  return { ...found, firstBroken, complete, unsealed: { rows, since }, head: stored?.head ?? null };
}

async function headFault(
  db: SealDeps["db"],
  tenantId: string,
  head: Head | undefined,
  isStored: boolean,
): Promise<ChainFault | undefined> {
  const { headSequence } = await getChainState(db, tenantId);
  if (!isStored) return headSequence > 0 ? { sequence: headSequence, fault: "head-missing" } : undefined;
  if (!head) return { sequence: headSequence, fault: "head-unreadable" };
  // Read after the head, which is written after its seal.
  const seal = await getSeal(db, tenantId, head.sequence);
  if (seal) return seal.hash === head.hash ? undefined : { sequence: head.sequence, fault: "rewritten" };
  const { sequence: last } = await getLastSeal(db, tenantId);
  const { rows } = await readUnsealed(db, tenantId);
  return { sequence: last + 1, fault: last + rows >= head.sequence ? "seal-missing" : "tail-missing" };
}

export type CheckDeps = SealDeps & Pick<Deps, "newId">;

/** Checks the logs that were not checked for longest, a bounded number of rows in all; a long log takes several runs. */
export async function checkAuditLogs(deps: CheckDeps): Promise<void> {
  let rows = ROWS_PER_RUN;
  await forEach("checked", await listTenantsToCheck(deps.db, CHECKED_PER_RUN), async (tenantId) => {
    if (rows > 0) rows -= await checkAuditLog(deps, tenantId, rows);
  });
}

/** Goes on with the pass over one tenant's log. @returns rows that were checked */
export async function checkAuditLog(deps: CheckDeps, tenantId: string, most: number): Promise<number> {
  const { db, clock, newId } = deps;
  await sealAuditLog(deps, tenantId);
  await advanceHead(deps, tenantId);
  const { verifiedSequence } = await getChainState(db, tenantId);
  const { verified, through, complete, firstBroken } = await verifyAuditLog(deps, tenantId, {
    after: verifiedSequence,
    most,
  });
  if (!complete && !firstBroken) {
    await db.batch([setChainState(db, tenantId, { verifiedSequence: through })]);
    return verified;
  }
  const now = clock.now();
  const { sequence: brokenSequence, fault: brokenFault } = firstBroken ?? { sequence: null, fault: null };
  const change = setChainState(db, tenantId, { verifiedSequence: 0, checkedAt: now, brokenSequence, brokenFault });
  if (!firstBroken) {
    await db.batch([change]);
    return verified;
  }
  const { sequence, fault } = firstBroken;
  logError("audit-log.broken", { tenantId, sequence, fault });
  // Told once for each finding.
  const known = sql`NOT EXISTS (SELECT 1 FROM ${auditChains} WHERE ${eq(auditChains.tenantId, tenantId)} AND ${auditChains.brokenSequence} = ${sequence} AND ${auditChains.brokenFault} = ${fault})`;
  const event = { id: newId(), tenantId, pluginId: null, subject: SYSTEM_SUBJECT, createdAt: now } as const;
  await db.batch([
    recordEventWhere(db, { ...event, type: "audit-log.broken", data: { sequence, fault } }, known),
    change,
  ]);
  return verified;
}
