import * as v from "valibot";
import { PlatformError } from "../../../sdk/contract/errors.ts";

/** The format of a backup: a manifest, and chunks that it lists. Pure. */

export const BACKUP_FORMAT = 2;
/** Formats that can be read. Format 1 has no sections: its parts are sealed with BACKUP_KEYS only. */
const READABLE_FORMATS: readonly number[] = [1, BACKUP_FORMAT];
/** Bytes of a chunk before it is compressed: what is held in memory at once, a few times over. */
export const CHUNK_BYTES = 4 * 1024 * 1024;

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const ChunkSchema = v.object({
  /**
   * What it is part of, such as `tenant/acme`, `objects/acme/<install>`, `log/acme/audit_log`, `history/plugin_executions`,
   * `blobs`. Consecutive chunks of one part belong together.
   */
  part: v.string(),
  rows: count,
  /** Of rows or state, before compression. */
  bytes: count,
  /** SHA-256 of the content before it is sealed with BACKUP_KEYS, hexadecimal: it is proved without the keys of tenants. */
  sha256: v.string(),
});
export type Chunk = v.InferOutput<typeof ChunkSchema>;

const ManifestSchema = v.object({
  format: v.number(),
  id: v.string(),
  scope: v.object({
    kind: v.picklist(["system", "tenant", "install"]),
    tenantId: v.optional(v.string()),
    installId: v.optional(v.string()),
  }),
  trigger: v.string(),
  /** When reading began and ended, milliseconds since the epoch; each tenant's state is from one moment in between. */
  from: count,
  to: count,
  /** Name of the last migration of D1, and the statements that make its tables and indexes. */
  schema: v.string(),
  definitions: v.array(v.string()),
  /** Tenants whose state is not of one moment: none, whatever their size. Readers ask for it. */
  unsettled: v.array(v.string()),
  chunks: v.array(ChunkSchema),
});
export type Manifest = v.InferOutput<typeof ManifestSchema>;

/** @throws {PlatformError} BACKUP_UNREADABLE */
export function parseManifest(text: string): Manifest {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new PlatformError("BACKUP_UNREADABLE", "The backup's manifest is not JSON.", { cause });
  }
  const format = v.safeParse(v.object({ format: v.number() }), json);
  if (format.success && !READABLE_FORMATS.includes(format.output.format)) {
    throw new PlatformError(
      "BACKUP_UNREADABLE",
      `The backup has format ${format.output.format}; this version reads ${READABLE_FORMATS.join(" and ")}. Restore it with the version that wrote it.`,
    );
  }
  const manifest = v.safeParse(ManifestSchema, json);
  if (manifest.success) return manifest.output;
  const places = manifest.issues.map((issue) => v.getDotPath(issue) ?? "the whole").join(", ");
  throw new PlatformError("BACKUP_UNREADABLE", `The backup's manifest is not valid at: ${places}.`);
}

export type RowValue = string | number | null;

/** Rows of one table within a chunk. */
export interface TableRows {
  readonly table: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly RowValue[])[];
}

export interface RowChunk {
  readonly text: string;
  readonly rows: number;
}

/** Rows as lines of JSON, a table's name and columns before its rows, cut so that each chunk can be read by itself. */
export function* rowChunks(tables: Iterable<TableRows>): Generator<RowChunk> {
  let lines: string[] = [];
  let [length, rows] = [0, 0];
  for (const { table, columns, rows: all } of tables) {
    let head = true;
    for (const row of all) {
      if (head) lines.push(JSON.stringify({ table, columns }));
      head = false;
      const line = JSON.stringify(row);
      lines.push(line);
      length += line.length;
      rows += 1;
      if (length < CHUNK_BYTES / 2) continue;
      yield { text: lines.join("\n"), rows };
      [lines, length, rows, head] = [[], 0, 0, true];
    }
  }
  if (lines.length > 0) yield { text: lines.join("\n"), rows };
}

/** @throws {PlatformError} BACKUP_UNREADABLE */
export function parseRows(text: string): readonly TableRows[] {
  const tables: { table: string; columns: string[]; rows: RowValue[][] }[] = [];
  for (const line of text === "" ? [] : text.split("\n")) {
    const value = JSON.parse(line) as RowValue[] | { table: string; columns: string[] }; // its digest proves that rowChunks wrote it
    if (!Array.isArray(value)) tables.push({ ...value, rows: [] });
    else if (value.length === tables.at(-1)?.columns.length) tables.at(-1)?.rows.push(value);
    else throw new PlatformError("BACKUP_UNREADABLE", "The backup has a row that fits no table.");
  }
  return tables;
}
