import { PlatformError } from "../../../sdk/contract/errors.ts";
import type { Manifest } from "./archive-record.ts";
import type { Scope, TableInfo } from "./table-rules.ts";

/** Whether a backup can be restored here, and which of its parts. Pure. */

/** How long a plan may be confirmed. */
export const CONFIRMATION_MS = 10 * 60_000;

/** @throws {PlatformError} BACKUP_UNREADABLE, with what to do */
export function requireReadable(manifest: Manifest, migrations: readonly string[]): void {
  if (manifest.schema === "" || migrations.includes(manifest.schema)) return;
  throw new PlatformError(
    "BACKUP_UNREADABLE",
    `The backup was made after the migration ${manifest.schema}, which this database does not have. Deploy that version or a later one (npm run deploy applies migrations), then restore.`,
  );
}

/** @throws {PlatformError} BACKUP_UNREADABLE, with what to do */
export function requireColumns(table: TableInfo | undefined, name: string, columns: readonly string[]): TableInfo {
  const lacking = table ? columns.find((column) => !table.columns.includes(column)) : undefined;
  if (table && lacking === undefined) return table;
  const what = table ? `column ${name}.${lacking}` : `table ${name}`;
  throw new PlatformError(
    "BACKUP_UNREADABLE",
    `The backup has a ${what} that this database does not have. Restore it with the version that wrote it, into a database of its migrations, and deploy afterwards.`,
  );
}

/** Tenants that were erased: when, milliseconds since the epoch. */
export type Erased = ReadonlyMap<string, number>;

const NOTE = "its part cannot be read";

/** A backup's reason with what it says of tenants that were erased since; null where there is nothing to say. */
export function reasonWith(reason: string | null, erased: Erased): string | null {
  const others = (reason ?? "").split("; ").filter((text) => text !== "" && !text.endsWith(NOTE));
  const notes = [...erased].map(([tenantId, at]) => `${wasErased(tenantId, at)}, ${NOTE}`);
  const all = [...others, ...notes];
  return all.length === 0 ? null : all.join("; ").slice(0, 1_000);
}

function wasErased(tenantId: string, at: number): string {
  return `tenant "${tenantId}" was erased on ${new Date(at).toISOString().slice(0, 10)}`;
}

/** Of the tenants that the backup holds those that were erased since. */
export function erasedOf(manifest: Manifest, erased: Erased): Erased {
  return new Map(tenantsOf(manifest).flatMap((id) => (erased.has(id) ? [[id, erased.get(id) ?? 0] as const] : [])));
}

/** True for the parts of tenants that were erased. */
export function isErased(part: string, erased: Erased): boolean {
  const [kind, tenantId = ""] = part.split("/");
  return kind !== "history" && erased.has(tenantId);
}

/** @throws {PlatformError} RESTORE_REFUSED where the backup does not hold what is to be restored, or its tenant was erased */
export function requireWithin(manifest: Manifest, scope: Scope, erased: Erased = new Map()): void {
  const at = scope.kind === "system" ? undefined : erased.get(scope.tenantId);
  if (at !== undefined && scope.kind !== "system") {
    throw new PlatformError("RESTORE_REFUSED", `The ${wasErased(scope.tenantId, at)}; ${NOTE} and is not restored.`);
  }
  const { kind, tenantId, installId } = manifest.scope;
  const holds =
    kind === "system" ||
    (scope.kind !== "system" &&
      scope.tenantId === tenantId &&
      (kind === "tenant" || (scope.kind === "install" && scope.installId === installId)));
  const hasTenant = scope.kind === "system" || tenantsOf(manifest).includes(scope.tenantId);
  if (holds && hasTenant) return;
  const held =
    kind === "system" ? `tenants ${tenantsOf(manifest).slice(0, 20).join(", ")}` : `${kind} ${installId ?? tenantId}`;
  throw new PlatformError("RESTORE_REFUSED", `The backup does not hold what is to be restored; it holds ${held}.`);
}

export function tenantsOf(manifest: Manifest): readonly string[] {
  const names = manifest.chunks
    .map(({ part }) => /^tenant\/(.*)$/.exec(part)?.[1])
    .filter((name) => name !== undefined);
  return [...new Set(names)];
}

/** Tenants of a scope that the backup holds, but those that were erased. */
export function tenantsWithin(manifest: Manifest, scope: Scope, erased: Erased): readonly string[] {
  return scope.kind === "system" ? tenantsOf(manifest).filter((id) => !erased.has(id)) : [scope.tenantId];
}

/** True where a part belongs to what is restored. */
export function isWithin(part: string, scope: Scope): boolean {
  const [kind, tenantId, name] = part.split("/");
  if (kind === "blobs") return false;
  if (scope.kind === "system") return true;
  if (kind === "history") return scope.kind === "tenant";
  if (tenantId !== scope.tenantId) return false;
  if (scope.kind === "tenant") return true;
  return kind === "tenant" || (kind === "objects" && name === scope.installId);
}
