import { PlatformError } from "../../../../sdk/contract/errors.ts";
import { PLATFORM_TENANT } from "../../../../sdk/contract/identifiers.ts";
import { errorText } from "../../../lib/error-text.ts";
import { byteSegments } from "../../../lib/byte-segments.ts";
import { logError } from "../../../lib/json-log.ts";
import { CHUNK_BYTES, rowChunks, BACKUP_FORMAT, type TableRows } from "../archive-record.ts";
import { listChunks, writeChunk, writeManifest } from "../archive-store.ts";
import type { BackupCounts, BackupProgress, WritingStep } from "../backup-record.ts";
import { keepBlob, type Blob } from "../blob-store.ts";
import { exportInstallState } from "../install-state-store.ts";
import { sealSections, type Section } from "../section-store.ts";
import { dropAside, readAside, setAside } from "../staged-row-store.ts";
import { scopeOf, type Backup, type BackupChange } from "../store.ts";
import { readSchema, type DatabaseSchema } from "../schema-store.ts";
import { listInstallsAfter, listTenantsAfter, readLog, readPage, readState } from "../table-store.ts";
import { isNumbered, rowsByTenant } from "../table-rules.ts";
import { TenantKeys } from "../tenant-key-store.ts";
import type { BackupDeps } from "./context.ts";

/** Installs whose objects one step reads. */
const INSTALLS_PER_STEP = 10;
/** Pages of a log or of the history in one step. */
const PAGES_PER_STEP = 20;
/** Objects of the store that one step copies, where they are new. */
const BLOBS_PER_STEP = 50;
/** Where packages are: as uploaded, modules, files that plugins read. */
const BLOB_PREFIXES = ["packages/", "modules/", "files/"] as const;
const DIGEST = /[0-9a-f]{64}/;

type Writing = Extract<BackupProgress, { phase: "write" }>;

/** What one step writes, with what it changes of the backup's row. */
class Step {
  readonly #deps: BackupDeps;
  readonly #backup: Backup;
  readonly keys: TenantKeys;
  counts: BackupCounts;
  reason: string | null;

  constructor(deps: BackupDeps, backup: Backup) {
    this.#deps = deps;
    this.#backup = backup;
    this.keys = new TenantKeys(deps);
    this.counts = backup.counts;
    this.reason = backup.reason;
  }

  add(more: Partial<BackupCounts>): void {
    const sums = Object.entries(more).map(([name, value]) => [name, this.counts[name as keyof BackupCounts] + value]); // names of counts
    this.counts = { ...this.counts, ...Object.fromEntries(sums) };
  }

  /** @param groups  by tenant; empty: nobody's */
  async rows(part: string, groups: Iterable<readonly [tenantId: string, tables: Iterable<TableRows>]>): Promise<void> {
    let sections: Section[] = [];
    let bytes = 0;
    for (const [tenantId, tables] of groups) {
      for (const { text, rows } of rowChunks(tables)) {
        const content = Uint8Array.from(new TextEncoder().encode(text));
        sections.push({ tenantId, rows, content });
        bytes += content.byteLength;
        if (bytes < CHUNK_BYTES / 2) continue;
        await this.sections(part, sections);
        [sections, bytes] = [[], 0];
      }
    }
    if (sections.length > 0) await this.sections(part, sections);
  }

  async sections(part: string, sections: readonly Section[]): Promise<void> {
    const { id } = this.#backup;
    const sealed = await sealSections(this.#deps, this.keys, { backupId: id, part }, sections);
    if (sealed.sealed.byteLength === 0) return;
    await writeChunk(this.#deps, id, this.counts.chunks, part, sealed);
    this.add({ chunks: 1, rows: part === "blobs" ? 0 : sealed.rows });
  }

  /** Copies what is new, and writes down what the backup needs. */
  async blobs(blobs: readonly Blob[], tenantId = ""): Promise<void> {
    const kept: Blob[] = [];
    for (const blob of blobs) {
      const result = await keepBlob(this.#deps, blob, this.keys);
      if (result === "missing" || result === "damaged") {
        this.note(`${blob.key} is ${result} in the store and has no copy`);
        continue;
      }
      kept.push(blob);
      if (result === "kept") this.add({ newBlobs: 1 });
    }
    this.add({ blobs: kept.length });
    const rows = kept.map(({ digest, key }) => [digest, key]);
    const table = { table: "blobs", columns: ["digest", "key"], rows };
    if (rows.length > 0) await this.rows("blobs", [[tenantId, [table]]]);
  }

  note(what: string): void {
    logError("backup.incomplete", { backupId: this.#backup.id, what });
    this.reason = this.reason === null ? what : `${this.reason}; ${what}`.slice(0, 1_000);
  }
}

/** Writes the next part of a backup, of bounded size. Written again after a crash it is the same again, at the same place. */
export async function writeStep(deps: BackupDeps, backup: Backup, progress: Writing): Promise<BackupChange> {
  const step = new Step(deps, backup);
  const schema = await readSchema(deps.env.DB);
  if (progress.step.at === "manifest") return finish(deps, backup, schema);
  const next = await take(deps, backup, schema, progress, step);
  const { counts, reason } = step;
  return { counts, reason, progress: { ...progress, step: next } };
}

function take(
  deps: BackupDeps,
  backup: Backup,
  schema: DatabaseSchema,
  { step, last }: Writing,
  out: Step,
): Promise<WritingStep> | WritingStep {
  if (step.at === "tenant") return writeTenant(deps, backup, schema, step.after, out);
  if (step.at === "rows") return writeRows(deps, backup, step, out);
  if (step.at === "objects") return writeObjects(deps, backup, schema, step, out);
  if (step.at === "log") return writeLog(deps, schema, step, out);
  if (step.at === "history") return writeHistory(deps, schema, step, last, out);
  return step.at === "blobs" ? writeBlobs(deps, step, out) : step;
}

async function writeTenant(
  deps: BackupDeps,
  backup: Backup,
  schema: DatabaseSchema,
  after: string,
  out: Step,
): Promise<WritingStep> {
  const scope = scopeOf(backup);
  const tenants =
    scope.kind === "system" ? await listTenantsAfter(deps.env.DB, after, 1) : after === "" ? [scope.tenantId] : [];
  const [tenantId] = tenants;
  if (tenantId === undefined) {
    if (scope.kind !== "system") return { at: "manifest" };
    return afterHistory(schema, -1);
  }
  // On its way out: what is left of it is for nobody any more.
  if ("erasedAt" in (await out.keys.toSeal(tenantId))) return { at: "tenant", after: tenantId };
  const installId = scope.kind === "install" ? scope.installId : undefined;
  const isPlatform = tenantId === PLATFORM_TENANT && scope.kind === "system";
  const of = { tenantId, installId, isPlatform };
  const state = await readState(deps.env.DB, schema.tables, of);
  if (!state) {
    const logs = await setAside(deps.env.DB, backup.id, schema.tables, of);
    return { at: "rows", tenantId, after: -1, logs };
  }
  await out.rows(`tenant/${tenantId}`, [[tenantId, state.tables]]);
  if (scope.kind !== "system") await out.blobs(await findBlobs(deps, state.tables));
  out.add({ tenants: 1 });
  return { at: "objects", tenantId, after: "", logs: state.logs };
}

/** Writes the next pieces of a state that is set aside, and what its packages name after the last. */
async function writeRows(
  deps: BackupDeps,
  backup: Backup,
  step: Extract<WritingStep, { at: "rows" }>,
  out: Step,
): Promise<WritingStep> {
  const { tenantId, after, logs } = step;
  const { rows, last } = await readAside(deps.env.DB, backup.id, after);
  await out.rows(`tenant/${tenantId}`, [[tenantId, rows]]);
  if (last !== undefined) return { ...step, after: last };
  for (let piece: number | undefined = -1; backup.scope !== "system" && piece !== undefined;) {
    const versions = await readAside(deps.env.DB, backup.id, piece, "plugin_versions");
    await out.blobs(await findBlobs(deps, versions.rows));
    piece = versions.last;
  }
  out.add({ tenants: 1 });
  return { at: "objects", tenantId, after: "", logs };
}

/** The store's objects that packages of the rows name. */
async function findBlobs(deps: BackupDeps, tables: readonly TableRows[]): Promise<readonly Blob[]> {
  const rows = tables.filter(({ table }) => table === "plugin_versions").flatMap((table) => table.rows);
  const digests = new Set(JSON.stringify(rows).match(new RegExp(DIGEST, "g")));
  const keys = [...digests].flatMap((digest) =>
    BLOB_PREFIXES.map((prefix) => ({ digest, key: `${prefix}${digest}${prefix === "modules/" ? ".wasm" : ""}` })),
  );
  const found = await Promise.all(keys.map(async (blob) => ((await deps.env.STORE.head(blob.key)) ? [blob] : [])));
  return found.flat();
}

async function writeObjects(
  deps: BackupDeps,
  backup: Backup,
  schema: DatabaseSchema,
  step: Extract<WritingStep, { at: "objects" }>,
  out: Step,
): Promise<WritingStep> {
  const scope = scopeOf(backup);
  const { tenantId, after, logs } = step;
  if (after === "") await dropAside(deps.env.DB, backup.id);
  const all = scope.kind === "install" ? [] : await listInstallsAfter(deps.env.DB, tenantId, after, INSTALLS_PER_STEP);
  const installs = scope.kind === "install" && after === "" ? [scope.installId] : all;
  for (const installId of installs) await writeInstall(deps, { tenantId, installId }, out);
  const last = installs.at(-1);
  if (last !== undefined) return { ...step, after: last };
  if (scope.kind === "install") return { at: "tenant", after: tenantId };
  const table = schema.tables.find(({ kind }) => isNumbered(kind));
  return table ? { at: "log", tenantId, table: table.name, after: 0, logs } : { at: "tenant", after: tenantId };
}

/** An install whose files are lost is left out and named: it stops nobody else's backup. */
async function writeInstall(
  deps: BackupDeps,
  owner: { readonly tenantId: string; readonly installId: string },
  out: Step,
): Promise<void> {
  const files: Blob[] = [];
  const stream = exportInstallState(deps, owner, undefined, (file) => files.push(file));
  const before = out.counts;
  try {
    for await (const content of byteSegments(stream, CHUNK_BYTES)) {
      const section = { tenantId: owner.tenantId, rows: 0, content };
      await out.sections(`objects/${owner.tenantId}/${owner.installId}`, [section]);
    }
    await out.blobs(files, owner.tenantId);
    out.add({ installs: 1 });
  } catch (error) {
    // What may come right is worth another try of the step.
    if (!(error instanceof PlatformError) || error.code !== "BACKUP_UNREADABLE") throw error;
    out.counts = before;
    out.note(`install ${owner.installId} is left out: ${errorText(error)}`);
  }
}

async function writeLog(
  deps: BackupDeps,
  schema: DatabaseSchema,
  step: Extract<WritingStep, { at: "log" }>,
  out: Step,
): Promise<WritingStep> {
  const tables = schema.tables.filter(({ kind }) => isNumbered(kind));
  const index = tables.findIndex(({ name }) => name === step.table);
  const table = tables[index];
  const read = (after: number) =>
    table && readLog(deps.env.DB, table, step.tenantId, after, step.logs[table.name] ?? 0);
  const { pages, after } = await readPages(step.after, read);
  await out.rows(`log/${step.tenantId}/${step.table}`, [[step.tenantId, pages]]);
  if (after !== undefined) return { ...step, after };
  const next = tables[index + 1];
  return next ? { ...step, table: next.name, after: 0 } : { at: "tenant", after: step.tenantId };
}

async function writeHistory(
  deps: BackupDeps,
  schema: DatabaseSchema,
  step: Extract<WritingStep, { at: "history" }>,
  last: Writing["last"],
  out: Step,
): Promise<WritingStep> {
  const tables = schema.tables.filter(({ kind }) => kind === "history");
  const index = tables.findIndex(({ name }) => name === step.table);
  const table = tables[index];
  const all = { sql: "true", params: [] };
  const read = (after: number) => table && readPage(deps.env.DB, table, all, after, last[table.name] ?? 0);
  const { pages, after } = await readPages(step.after, read);
  await out.rows(`history/${step.table}`, rowsByTenant(pages));
  return after === undefined ? afterHistory(schema, index) : { ...step, after };
}

type Page = TableRows & { readonly next: number | undefined };

/** Pages up to what one step takes. @returns `after` where there may be more */
async function readPages(
  from: number,
  read: (after: number) => Promise<Page> | undefined,
): Promise<{ readonly pages: readonly TableRows[]; readonly after: number | undefined }> {
  const pages: TableRows[] = [];
  let after: number | undefined = from;
  while (after !== undefined && pages.length < PAGES_PER_STEP) {
    const page: Page | undefined = await read(after);
    if (page) pages.push(page);
    after = page?.next;
  }
  return { pages, after };
}

function afterHistory(schema: DatabaseSchema, index: number): WritingStep {
  const next = schema.tables.filter(({ kind }) => kind === "history")[index + 1];
  return next ? { at: "history", table: next.name, after: 0 } : { at: "blobs", prefix: BLOB_PREFIXES[0], after: "" };
}

async function writeBlobs(
  deps: BackupDeps,
  step: Extract<WritingStep, { at: "blobs" }>,
  out: Step,
): Promise<WritingStep> {
  const { prefix, after } = step;
  const page = await deps.env.STORE.list({
    prefix,
    limit: BLOBS_PER_STEP,
    ...(after === "" ? {} : { startAfter: after }),
  });
  const blobs = page.objects.flatMap(({ key }) => {
    const [digest] = DIGEST.exec(key) ?? [];
    return digest === undefined ? [] : [{ digest, key }];
  });
  await out.blobs(blobs);
  const last = page.objects.at(-1)?.key;
  if (page.truncated && last !== undefined) return { ...step, after: last };
  const next = BLOB_PREFIXES[BLOB_PREFIXES.findIndex((known) => known === prefix) + 1];
  return next === undefined ? { at: "manifest" } : { at: "blobs", prefix: next, after: "" };
}

async function finish(deps: BackupDeps, backup: Backup, schema: DatabaseSchema): Promise<BackupChange> {
  const { chunks, bytes } = await listChunks(deps, backup.id, backup.counts.chunks);
  const to = deps.clock.now();
  const from = backup.readFrom ?? backup.startedAt;
  const manifest = await writeManifest(deps, {
    format: BACKUP_FORMAT,
    id: backup.id,
    scope: scopeOf(backup),
    trigger: backup.trigger,
    from,
    to,
    schema: schema.migration,
    definitions: [...schema.definitions],
    unsettled: [],
    chunks: [...chunks],
  });
  return {
    status: "written",
    finishedAt: to,
    readFrom: from,
    readTo: to,
    schemaVersion: schema.migration,
    keyId: manifest.keyId,
    manifestDigest: manifest.digest,
    bytes: bytes + manifest.bytes,
    progress: { phase: "verify", chunk: 0 },
  };
}
