import { PLATFORM_TENANT } from "../../../../sdk/contract/identifiers.ts";
import { CHUNK_BYTES, parseRows, type Manifest, type TableRows } from "../archive-record.ts";
import { readSections } from "../archive-store.ts";
import { importInstallState } from "../install-state-store.ts";
import { requireColumns, type Erased } from "../restore-rules.ts";
import { dropAside, putAside, rowsAside } from "../staged-row-store.ts";
import { ofInstall, records, withoutTenants, type RowRecord, type Scope, type TableInfo } from "../table-rules.ts";
import { type DatabaseSchema } from "../schema-store.ts";
import { addRows, givenRows, replaceState, type StateOf } from "../table-store.ts";
import { TenantKeys } from "../tenant-key-store.ts";
import type { BackupDeps } from "./context.ts";
import { endOfPart, partStream, requireChunk } from "./verify.ts";

/** The parts of a backup, and how each is put back. Each can be put back again without harm. */

/** What can be read of them: parts of tenants that were erased are left out. */
export async function readRows(
  deps: BackupDeps,
  manifest: Manifest,
  from: number,
  to: number,
  keys = new TenantKeys(deps),
): Promise<readonly TableRows[]> {
  const tables: TableRows[] = [];
  for (let index = from; index < to; index++) {
    const { sections } = await readSections(deps, keys, manifest, index, requireChunk(manifest.chunks, index));
    for (const { content } of sections) tables.push(...parseRows(new TextDecoder().decode(content)));
  }
  return tables;
}

/** Whose state a scope means of a tenant. */
export function stateOf(scope: Scope, tenantId: string): StateOf {
  return {
    tenantId,
    installId: scope.kind === "install" ? scope.installId : undefined,
    isPlatform: scope.kind === "system" && tenantId === PLATFORM_TENANT,
  };
}

/** Rows of a tenant's state in the backup, chunk by chunk. */
export async function* tenantChunks(
  deps: BackupDeps,
  manifest: Manifest,
  tenantId: string,
): AsyncGenerator<readonly TableRows[]> {
  const from = manifest.chunks.findIndex(({ part }) => part === `tenant/${tenantId}`);
  const to = from === -1 ? from : endOfPart(manifest.chunks, from);
  for (let index = from; index < to; index++) yield readRows(deps, manifest, index, index + 1);
}

/** The row of an install in the backup; undefined where there is none. */
export async function findInstall(
  deps: BackupDeps,
  manifest: Manifest,
  tenantId: string,
  column: "id" | "plugin_id",
  value: string,
): Promise<RowRecord | undefined> {
  for await (const tables of tenantChunks(deps, manifest, tenantId)) {
    const installs = tables.filter(({ table }) => table === "plugin_instances").flatMap((rows) => records(rows));
    const found = installs.find((row) => row[column] === value);
    if (found) return found;
  }
  return undefined;
}

/** Which of a tenant's rows of the backup a scope means: all, or one install's. */
export async function withinScope(
  deps: BackupDeps,
  manifest: Manifest,
  scope: Scope,
): Promise<(tables: readonly TableRows[]) => readonly TableRows[]> {
  if (scope.kind !== "install") return (tables) => tables;
  const install = await findInstall(deps, manifest, scope.tenantId, "id", scope.installId);
  return (tables) => (install ? ofInstall(tables, install) : []);
}

/** Puts back what an install's objects hold. */
export async function restoreObjects(deps: BackupDeps, manifest: Manifest, from: number, to: number): Promise<void> {
  const [, tenantId = "", installId = ""] = requireChunk(manifest.chunks, from).part.split("/");
  await importInstallState(deps, { tenantId, installId }, partStream(deps, manifest, from, to));
}

/** A part up to so many bytes is put back at once; of a larger one, chunks are set aside until all are there. */
const AT_ONCE_BYTES = 2 * CHUNK_BYTES;

export interface PutBack {
  readonly tenants: number;
  readonly rows: number;
  /** The chunk after what was put back or set aside. */
  readonly next: number;
  /** True where the next chunk goes on with a part of which nothing is put back yet. */
  readonly isAside: boolean;
}

/**
 * @param erased  tenants whose rows stay out
 * @param at  `aside`:  chunks of the part before `from` that are set aside
 */
export async function restorePart(
  deps: BackupDeps,
  schema: DatabaseSchema,
  manifest: Manifest,
  scope: Scope,
  erased: Erased,
  at: { readonly runId: string; readonly from: number; readonly aside: number },
): Promise<PutBack> {
  const { from, runId } = at;
  const [kind, tenantId = ""] = requireChunk(manifest.chunks, from).part.split("/");
  const { DB } = deps.env;
  const end = endOfPart(manifest.chunks, from);
  const bytes = manifest.chunks.slice(from - at.aside, end).reduce((sum, chunk) => sum + chunk.bytes, 0);
  const isLarge = kind === "tenant" && bytes > AT_ONCE_BYTES;
  const next = kind !== "tenant" || isLarge ? from + 1 : end;
  const within = kind === "tenant" ? await withinScope(deps, manifest, scope) : (rows: readonly TableRows[]) => rows;
  const tables = within(await readRows(deps, manifest, from, next)).map((rows) =>
    scope.kind === "tenant" && kind === "history" ? ofTenant(rows, scope.tenantId) : withoutTenants(rows, erased),
  );
  const known = tables.filter((rows) => knownTable(schema, rows).kind !== "proof");
  const rows = known.reduce((sum, table) => sum + table.rows.length, 0);
  if (kind !== "tenant") {
    for (const table of known) await addRows(DB, knownTable(schema, table), table);
    return { tenants: 0, rows, next, isAside: false };
  }
  // Those of a part that was put back before stay until here, so that its last chunk can be put back again.
  if (isLarge && at.aside === 0) await dropAside(DB, runId);
  if (isLarge) await putAside(DB, runId, tenantId, from, known);
  if (next < end) return { tenants: 0, rows, next, isAside: true };
  const source = isLarge ? await rowsAside(DB, runId) : givenRows(known);
  await replaceState(DB, schema.tables, stateOf(scope, tenantId), source);
  return { tenants: 1, rows, next, isAside: false };
}

function knownTable({ tables }: DatabaseSchema, { table, columns }: TableRows): TableInfo {
  const found = tables.find(({ name }) => name === table);
  return requireColumns(found, table, columns);
}

function ofTenant(rows: TableRows, tenantId: string): TableRows {
  const column = rows.columns.indexOf("tenant_id");
  return { ...rows, rows: rows.rows.filter((row) => row[column] === tenantId) };
}
