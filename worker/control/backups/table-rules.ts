import type { RowValue, TableRows } from "./archive-record.ts";

/**
 * How each D1 table is backed up and restored, decided by its name and columns, so that a table that a later migration adds is
 * never left out. Pure.
 *
 * - `state`: what a tenant has. All of a tenant's are read in one transaction, and a restore replaces them.
 * - `shared`: as state, but rows are only added or set, never deleted: other tenants' rows may point at them. With a tenant's own
 *   go those that its installs run, so that what is read of a tenant stands by itself; they are added where they are missing.
 * - `log`: append-only and numbered for each tenant without gaps; read up to the number that the transaction of the state saw.
 *   A restore adds what is missing and deletes nothing.
 * - `proof`: read as a log is. A restore leaves it alone: seals are made anew from the rows that came back, and the head of the chain,
 *   which is not in the database, tells whether the rows are the same. Those of the backup are there to be held against them.
 * - `history`: what happened, counted or recorded in the background. Read page by page up to the row that was last when the
 *   backup began; a restore adds what is missing.
 * - `platform`: without a tenant; read in the transaction of the platform's own tenant, restored with the whole system only.
 */
export type TableKind = "state" | "shared" | "log" | "proof" | "history" | "platform";

export interface TableInfo {
  readonly name: string;
  readonly kind: TableKind;
  readonly columns: readonly string[];
  /** Columns of the primary key, in its order. */
  readonly key: readonly string[];
}

/** As SQLite describes it. */
export interface DescribedTable {
  readonly name: string;
  readonly columns: readonly { readonly name: string; readonly keyPosition: number }[];
  /** Tables that its foreign keys point at. */
  readonly parents: readonly string[];
}

/** The runtime's own, what is about backups themselves, and what checks of the audit log note for themselves. */
const NEVER = /^(?:_cf_|sqlite_|d1_)|^(?:plugin_backups|plugin_restores|backup_rows|audit_chains|tenant_erasures)$/;
const LOGS = new Set(["plugin_events", "audit_log"]);
const PROOFS = new Set(["audit_seals"]);
const SHARED = new Set(["tenants", "plugins", "plugin_versions"]);
const HISTORY = new Set([
  "plugin_executions",
  "dead_letters",
  "topic_counts",
  "plugin_capability_usage",
  "plugin_capability_details",
  "webhook_deliveries",
  "plugin_metric_series",
  "plugin_metrics",
  "plugin_audits",
  "plugin_audit_chunks",
  "audit_findings",
  "plugin_call_minutes",
  "anomaly_series",
  "plugin_anomalies",
  "healing_events",
  "alerts",
  "alert_emails",
  "plugin_health_checks",
]);

/** Tables to back up, parents before those that point at them. */
export function backedUpTables(described: readonly DescribedTable[]): readonly TableInfo[] {
  return inOrder(described.filter(({ name }) => !NEVER.test(name))).map(({ name, columns }) => {
    const names = columns.map((column) => column.name);
    const key = columns.filter(({ keyPosition }) => keyPosition > 0).toSorted((a, b) => a.keyPosition - b.keyPosition);
    return { name, kind: kindOf(name, names), columns: names, key: key.map((column) => column.name) };
  });
}

/** Every table that may have rows of a tenant but the note of its erasure, those that point at others first. */
export function ownedTables(described: readonly DescribedTable[]): readonly string[] {
  const owned = described.filter(
    ({ name, columns }) => name !== "tenant_erasures" && columns.some((column) => column.name === ownerColumn(name)),
  );
  return inOrder(owned)
    .map(({ name }) => name)
    .toReversed();
}

function kindOf(name: string, columns: readonly string[]): TableKind {
  if (LOGS.has(name)) return "log";
  if (PROOFS.has(name)) return "proof";
  if (SHARED.has(name)) return "shared";
  if (HISTORY.has(name)) return "history";
  return columns.includes("tenant_id") ? "state" : "platform";
}

function inOrder(tables: readonly DescribedTable[]): readonly DescribedTable[] {
  const byName = new Map(tables.map((table) => [table.name, table]));
  const done = new Set<DescribedTable>();
  const visit = (table: DescribedTable, above: readonly string[]): void => {
    for (const parent of table.parents) {
      const found = byName.get(parent);
      if (found && !above.includes(parent)) visit(found, [...above, table.name]);
    }
    done.add(table);
  };
  for (const table of tables.toSorted((a, b) => (a.name < b.name ? -1 : 1))) visit(table, []);
  return [...done];
}

/** What a backup or a restore is about. */
export type Scope =
  | { readonly kind: "system" }
  | { readonly kind: "tenant"; readonly tenantId: string }
  | { readonly kind: "install"; readonly tenantId: string; readonly installId: string };

export interface Condition {
  readonly sql: string;
  readonly params: readonly string[];
}

/** Which rows of a table are a tenant's state; undefined: none. */
export function stateCondition(
  { name, kind, columns }: TableInfo,
  tenantId: string,
  installId: string | undefined,
  isPlatform: boolean,
): Condition | undefined {
  if (kind === "platform") return isPlatform && installId === undefined ? { sql: "true", params: [] } : undefined;
  if (kind === "shared") return sharedCondition(name, tenantId, installId);
  if (kind !== "state") return undefined;
  if (installId === undefined) return { sql: "tenant_id = ?", params: [tenantId] };
  if (name === "plugin_instances") return { sql: "tenant_id = ? AND id = ?", params: [tenantId, installId] };
  if (!columns.includes("install_id")) return undefined;
  return { sql: "tenant_id = ? AND install_id = ?", params: [tenantId, installId] };
}

/** Which of the shared rows belong to a tenant itself. */
export function ownerColumn(table: string): "id" | "tenant_id" {
  return table === "tenants" ? "id" : "tenant_id";
}

function sharedCondition(name: string, tenantId: string, installId: string | undefined): Condition {
  const installs = `FROM plugin_instances WHERE tenant_id = ?${installId === undefined ? "" : " AND id = ?"}`;
  const used = {
    tenants: `id IN (SELECT owner_tenant_id ${installs})`,
    plugins: `(tenant_id, id) IN (SELECT owner_tenant_id, plugin_id ${installs})`,
    plugin_versions: `id IN (SELECT version_id ${installs})`,
  }[name];
  const params = installId === undefined ? [tenantId] : [tenantId, installId];
  const own = installId === undefined || name === "tenants" ? `${ownerColumn(name)} = ? OR ` : "";
  return { sql: `${own}${used ?? "false"}`, params: own === "" ? params : [tenantId, ...params] };
}

/** True for what is numbered for each tenant and read up to a number. */
export function isNumbered(kind: TableKind): boolean {
  return kind === "log" || kind === "proof";
}

/** True where a restore deletes what the backup does not have. */
export function isReplaced(kind: TableKind): boolean {
  return kind === "state" || kind === "platform";
}

export type RowRecord = Readonly<Record<string, RowValue>>;

/** Of a tenant's rows, those of one install. @param install  its row of `plugin_instances` in the backup */
export function ofInstall(tables: readonly TableRows[], install: RowRecord): readonly TableRows[] {
  const { id: installId, tenant_id: tenantId, owner_tenant_id: owner, plugin_id: pluginId, version_id } = install;
  const keeps: Readonly<Record<string, (row: RowRecord) => boolean>> = {
    tenants: ({ id }) => id === tenantId || id === owner,
    plugins: ({ tenant_id, id }) => tenant_id === owner && id === pluginId,
    plugin_versions: ({ id }) => id === version_id,
    plugin_instances: ({ id }) => id === installId,
  };
  return tables.map((rows) => {
    const keep = keeps[rows.table] ?? (({ install_id }) => install_id === installId);
    return { ...rows, rows: rows.rows.filter((row) => keep(recordOf(rows.columns, row))) };
  });
}

/** By tenant; rows without one under an empty name. */
export function rowsByTenant(tables: readonly TableRows[]): ReadonlyMap<string, readonly TableRows[]> {
  const tenants = new Map<string, TableRows[]>();
  for (const { table, columns, rows } of tables) {
    const owner = columns.indexOf(ownerColumn(table));
    for (const [tenantId, own] of Map.groupBy(rows, (row) => String(row[owner] ?? ""))) {
      const known = tenants.get(tenantId) ?? [];
      known.push({ table, columns, rows: own });
      tenants.set(tenantId, known);
    }
  }
  return tenants;
}

/** Rows but those of some tenants. */
export function withoutTenants(rows: TableRows, tenants: ReadonlyMap<string, unknown>): TableRows {
  const owner = rows.columns.indexOf(ownerColumn(rows.table));
  return { ...rows, rows: rows.rows.filter((row) => !tenants.has(String(row[owner] ?? ""))) };
}

/** Of shared rows, a tenant's own. */
export function ownRows(rows: TableRows, tenantId: string): TableRows {
  const owner = rows.columns.indexOf(ownerColumn(rows.table));
  return { ...rows, rows: rows.rows.filter((row) => row[owner] === tenantId) };
}

/** Rows by the names of their columns. */
export function records({ columns, rows }: TableRows): readonly RowRecord[] {
  return rows.map((row) => recordOf(columns, row));
}

function recordOf(columns: readonly string[], row: readonly RowValue[]): RowRecord {
  return Object.fromEntries(columns.map((column, index) => [column, row[index] ?? null]));
}

/** What a restore would do to one table. */
export interface TableDiff {
  /** Rows that the backup has and today has not. */
  readonly added: number;
  readonly changed: number;
  /** Rows that today has and the backup has not. */
  readonly removed: number;
  readonly same: number;
}
