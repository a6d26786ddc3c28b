import { scratchOf } from "../../../../durable-objects/backup-scratch/client.ts";
import { PlatformError } from "../../../../sdk/contract/errors.ts";
import { sha256Hex } from "../../../lib/hex.ts";
import { CHUNK_BYTES, parseRows, type Chunk, type Manifest } from "../archive-record.ts";
import { readManifest, readSections } from "../archive-store.ts";
import type { BackupProgress } from "../backup-record.ts";
import { proveBlob } from "../blob-store.ts";
import { provedFrames } from "../install-state-store.ts";
import type { OpenedSections } from "../section-store.ts";
import type { StateObject } from "../state-frame-rules.ts";
import type { Backup, BackupChange } from "../store.ts";
import { reasonWith } from "../restore-rules.ts";
import { TenantKeys } from "../tenant-key-store.ts";
import type { BackupDeps } from "./context.ts";

/** Chunks that one step tries. */
const CHUNKS_PER_STEP = 8;

type Verifying = Extract<BackupProgress, { phase: "verify" }>;

/**
 * Tries the next part of a backup: rows go into a database apart from the real one and must read back equal, the state of an
 * install's objects into an object and must come out the same, copies must have their digest. Parts of tenants that were erased
 * since must be there as they were written, and cannot be opened.
 *
 * @throws {PlatformError} BACKUP_UNREADABLE, BACKUP_KEY_UNKNOWN: what is wrong with the backup
 */
export async function verifyStep(deps: BackupDeps, backup: Backup, progress: Verifying): Promise<BackupChange> {
  const manifest = await readManifest(deps, backup.id, backup.manifestDigest ?? undefined);
  const { chunks } = manifest;
  const { chunk: first } = progress;
  // A trial that begins anew is another: nothing of one that was cut off is in it.
  const scratch = scratchOf(deps.env.BACKUP_SCRATCH, backup.id);
  if (first === 0) await scratch.begin(manifest.definitions);
  const end = Math.min(chunks.length, first + CHUNKS_PER_STEP);
  const trial: Trial = { deps, manifest, keys: new TenantKeys(deps), erased: new Map(), erasedRows: 0 };
  for (const [tenantId, at] of Object.entries(progress.erased ?? {})) trial.erased.set(tenantId, at);
  trial.erasedRows = progress.erasedRows ?? 0;
  let index = first;
  while (index < end) index = await tryParts(trial, index);
  const { erased, erasedRows } = trial;
  if (index < chunks.length) {
    return { progress: { phase: "verify", chunk: index, erased: Object.fromEntries(erased), erasedRows } };
  }
  await requireWhole(deps, manifest, erasedRows);
  const reason = reasonWith(backup.reason, erased);
  return { status: "verified", reason, verifiedAt: deps.clock.now(), progress: null };
}

/** What one step tries, and what it finds of tenants that were erased. */
interface Trial {
  readonly deps: BackupDeps;
  readonly manifest: Manifest;
  readonly keys: TenantKeys;
  readonly erased: Map<string, number>;
  erasedRows: number;
}

async function readTried(trial: Trial, index: number): Promise<OpenedSections> {
  const { deps, manifest, keys } = trial;
  const opened = await readSections(deps, keys, manifest, index, requireChunk(manifest.chunks, index));
  for (const [tenantId, at] of opened.erased) trial.erased.set(tenantId, at);
  if (requireChunk(manifest.chunks, index).part !== "blobs") trial.erasedRows += opened.erasedRows;
  return opened;
}

/** The state of an install's objects; where its tenant was erased only that it is there as it was written. */
async function tryState(trial: Trial, from: number, to: number): Promise<void> {
  const { deps, manifest, keys } = trial;
  const [, tenantId = ""] = requireChunk(manifest.chunks, from).part.split("/");
  if (manifest.format === 1 || !("erasedAt" in (await keys.toOpen(tenantId)))) {
    return tryObjects(deps, manifest, from, to);
  }
  for (let index = from; index < to; index++) await readTried(trial, index);
}

/** Ends the trial once it is written down what came of it: until then its last step may be taken again. */
export async function endTrial({ env }: BackupDeps, id: string): Promise<void> {
  await scratchOf(env.BACKUP_SCRATCH, id).destroy();
}

/** @returns the number of the chunk after what was tried */
async function tryParts(trial: Trial, index: number): Promise<number> {
  const { deps, manifest, keys } = trial;
  const objects = objectParts(manifest.chunks, index);
  await allDone(objects.map(({ from, to }) => tryState(trial, from, to)));
  if (objects.length > 0) return objects.at(-1)?.to ?? index;
  const { sections } = await readTried(trial, index);
  const scratch = scratchOf(deps.env.BACKUP_SCRATCH, manifest.id);
  const tables = sections.flatMap(({ content }) => parseRows(new TextDecoder().decode(content)));
  for (const [place, { table, columns, rows }] of tables.entries()) {
    if (table === "blobs") {
      for (const [digest, key] of rows) await proveBlob(deps, { digest: String(digest), key: String(key) }, keys);
      continue;
    }
    const sent = JSON.stringify(rows);
    const refused = await scratch.load(`${index}/${place}`, table, columns, sent, rows.length);
    if (refused !== undefined) throw unreadable(`rows of ${table} in chunk ${index} cannot be restored: ${refused}`);
  }
  return index + 1;
}

/** The chunks of one part as the stream that was cut into them. */
export function partStream(deps: BackupDeps, manifest: Manifest, from: number, to: number): ReadableStream<Uint8Array> {
  let index = from;
  const keys = new TenantKeys(deps);
  return new ReadableStream({
    async pull(controller) {
      if (index >= to) return controller.close();
      const { sections } = await readSections(deps, keys, manifest, index, requireChunk(manifest.chunks, index));
      for (const { content } of sections) controller.enqueue(content);
      index += 1;
    },
  });
}

/** @returns the number of the first chunk that is no longer of the part */
export function endOfPart(chunks: readonly Chunk[], index: number): number {
  const part = chunks[index]?.part;
  let end = index + 1;
  while (chunks[end]?.part === part) end += 1;
  return end;
}

/** Parts of installs' objects that are put back at once. */
const PARTS_AT_ONCE = 8;

/**
 * Parts of installs' objects from a chunk on that can be taken at once: several small ones, or one, however large.
 *
 * @returns nothing where the chunk is of another kind
 */
export function objectParts(
  chunks: readonly Chunk[],
  index: number,
): readonly { readonly from: number; readonly to: number }[] {
  const parts: { from: number; to: number }[] = [];
  let [from, bytes] = [index, 0];
  while (parts.length < PARTS_AT_ONCE && chunks[from]?.part.startsWith("objects/") === true) {
    const to = endOfPart(chunks, from);
    bytes += chunks.slice(from, to).reduce((sum, chunk) => sum + chunk.bytes, 0);
    if (parts.length > 0 && bytes > CHUNK_BYTES) break;
    parts.push({ from, to });
    from = to;
  }
  return parts;
}

/** Waits for all, whatever becomes of one, so that nothing goes on behind a step that failed. */
export async function allDone(all: readonly Promise<unknown>[]): Promise<void> {
  const failed = (await Promise.allSettled(all)).find(({ status }) => status === "rejected");
  if (failed?.status === "rejected") throw failed.reason;
}

export function requireChunk(chunks: readonly Chunk[], index: number): Chunk {
  const chunk = chunks[index];
  if (!chunk) throw unreadable(`it has no chunk ${index}`);
  return chunk;
}

/** Each object's state goes into an object of its own kind's tables, and must come out as it went in. */
async function tryObjects(deps: BackupDeps, manifest: Manifest, from: number, to: number): Promise<void> {
  const scratch = scratchOf(deps.env.BACKUP_SCRATCH, `${manifest.id}/objects/${from}`);
  let object: StateObject | undefined;
  let pieces: string[] = [];
  const id = deps.newId();
  const settle = async (): Promise<void> => {
    if (object === undefined) return;
    const what = `the state of ${object} in chunk ${from}`;
    const refused = await scratch.commitImport(`${id}/${object}`, pieces.length);
    if (refused !== undefined) throw unreadable(`${what} cannot be restored: ${refused}`);
    const again = await scratch.exportState(deps.clock.now());
    for (const [index, piece] of pieces.entries()) {
      const out = index === 0 ? again.first : await scratch.exportedPiece(again.id, index);
      if (!out || (await sha256Hex(out)) !== piece) throw unreadable(`${what} comes out as another`);
    }
    pieces = [];
  };
  for await (const frame of provedFrames(partStream(deps, manifest, from, to))) {
    if (frame.kind === "object") {
      await settle();
      object = frame.object;
      await scratch.beginState(object);
    } else if (frame.kind === "piece" && object !== undefined) {
      await scratch.stagePiece(`${id}/${object}`, pieces.length, frame.bytes, deps.clock.now());
      pieces.push(await sha256Hex(frame.bytes));
    }
  }
  await settle();
  await scratch.destroy();
}

/** Counts and foreign keys of the whole trial. */
async function requireWhole(deps: BackupDeps, manifest: Manifest, erasedRows: number): Promise<void> {
  const { tables, violations } = await scratchOf(deps.env.BACKUP_SCRATCH, manifest.id).describe();
  if (violations.length > 0) throw unreadable(`foreign keys point at nothing: ${violations.join(", ")}`);
  const expected = manifest.chunks.reduce((sum, { part, rows }) => sum + (part === "blobs" ? 0 : rows), -erasedRows);
  const loaded = tables.reduce((sum, table) => sum + table.loaded, 0);
  if (loaded !== expected) throw unreadable(`it has ${loaded} rows; the manifest says ${expected}`);
  const shared = new Set(["tenants", "plugins", "plugin_versions"]);
  const short = tables.find(({ table, rows, loaded: count }) => !shared.has(table) && rows !== count);
  if (short) throw unreadable(`${short.table} has ${short.rows} rows after ${short.loaded} were restored`);
}

function unreadable(why: string): PlatformError {
  return new PlatformError("BACKUP_UNREADABLE", `The trial restore failed: ${why}.`);
}
