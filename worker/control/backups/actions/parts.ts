import { PLATFORM_TENANT } from "../../../../sdk/contract/identifiers.ts";
import { parseRows, type Manifest, type TableRows } from "../archive-record.ts";
import { readSections } from "../archive-store.ts";
import { importInstallState } from "../install-state-store.ts";
import { requireColumns, type Erased } from "../restore-rules.ts";
import { ofInstall, withoutTenants, type Scope } from "../table-rules.ts";
import { addRows, replaceState, type DatabaseSchema, type StateOf } from "../table-store.ts";
import { TenantKeys } from "../tenant-key-store.ts";
import type { BackupDeps } from "./context.ts";
import { partStream, requireChunk } from "./verify.ts";

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

/** A tenant's rows of the backup, or one install's of them. */
export function within(tables: readonly TableRows[], scope: Scope): readonly TableRows[] {
  return scope.kind === "install" ? ofInstall(tables, scope.installId) : tables;
}

/** Puts back what an install's objects hold. */
export async function restoreObjects(deps: BackupDeps, manifest: Manifest, from: number, to: number): Promise<void> {
  const [, tenantId = "", installId = ""] = requireChunk(manifest.chunks, from).part.split("/");
  await importInstallState(deps, { tenantId, installId }, partStream(deps, manifest, from, to));
}

/** @param erased  tenants whose rows stay out. @returns tenants and rows that were put back */
export async function restorePart(
  deps: BackupDeps,
  schema: DatabaseSchema,
  manifest: Manifest,
  scope: Scope,
  erased: Erased,
  from: number,
  to: number,
): Promise<{ readonly tenants: number; readonly rows: number }> {
  const [kind, tenantId = ""] = requireChunk(manifest.chunks, from).part.split("/");
  const read = (await readRows(deps, manifest, from, to)).map((rows) => withoutTenants(rows, erased));
  const tables = within(read, scope);
  const all = tables.map((rows) => ({
    table: requireColumns(
      schema.tables.find((table) => table.name === rows.table),
      rows.table,
      rows.columns,
    ),
    rows: scope.kind === "tenant" && kind === "history" ? ofTenant(rows, scope.tenantId) : rows,
  }));
  const known = all.filter(({ table }) => table.kind !== "proof");
  if (kind === "tenant") {
    const state = known.map(({ rows }) => rows);
    await replaceState(deps.env.DB, schema.tables, stateOf(scope, tenantId), state);
  } else for (const { table, rows } of known) await addRows(deps.env.DB, table, rows);
  const count = known.reduce((sum, { rows }) => sum + rows.rows.length, 0);
  return { tenants: kind === "tenant" ? 1 : 0, rows: count };
}

function ofTenant(rows: TableRows, tenantId: string): TableRows {
  const column = rows.columns.indexOf("tenant_id");
  return { ...rows, rows: rows.rows.filter((row) => row[column] === tenantId) };
}
