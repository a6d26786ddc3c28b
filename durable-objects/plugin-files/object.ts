import { StatefulObject } from "../object-state/object.ts";
import type { StateScope } from "../object-state/state.ts";
import { prefixEnd } from "../plugin-storage/rules.ts";
import { pieceKey } from "./client.ts";
import {
  type BegunFile,
  type FileQuotas,
  KEPT_MS,
  type KeptFile,
  MOST_BEGUN,
  MOST_PIECES,
  type PieceQuotas,
  type PieceRoom,
  type Refused,
  refusalOf,
  RESERVED_MS,
  type StoredFile,
  type Totals,
} from "./rules.ts";

/** Keys that R2 deletes at once. */
const SWEPT = 1_000;
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS files (
    path TEXT PRIMARY KEY,
    key TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    contentType TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    modifiedAt INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS reserved (key TEXT PRIMARY KEY, path TEXT NOT NULL, bytes INTEGER NOT NULL, until INTEGER NOT NULL) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS reserved_by_path ON reserved (path);
  CREATE TABLE IF NOT EXISTS begun (
    key TEXT PRIMARY KEY,
    path TEXT NOT NULL,
    contentType TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    pieces INTEGER NOT NULL,
    stored INTEGER NOT NULL,
    until INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS dropped (key TEXT PRIMARY KEY, until INTEGER NOT NULL) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS dropped_by_time ON dropped (until);
  CREATE TABLE IF NOT EXISTS totals (only INTEGER PRIMARY KEY CHECK (only = 1), bytes INTEGER NOT NULL, files INTEGER NOT NULL);
  INSERT INTO totals VALUES (1, 0, 0) ON CONFLICT DO NOTHING;
`;

type Row = { path: string; key: string; bytes: number; contentType: string; sha256: string; modifiedAt: number };

/**
 * The register of one install's files: which there are, where their bytes are, and what they and begun writes take of the quotas.
 * The bytes go from the worker to R2 and back, not through here. Each method is one transaction.
 */
export class PluginFiles extends StatefulObject {
  protected readonly scope: StateScope = {
    object: "PluginFiles",
    tables: "ours",
    except: ["reserved", "begun", "dropped", "totals"],
  };
  #hasTables = false;

  constructor(state: DurableObjectState, env: Cloudflare.Env) {
    super(state, env);
    void this.#sql;
  }

  /** Makes the tables where there are none, which is also after `destroy`. */
  get #sql(): SqlStorage {
    const { sql } = this.ctx.storage;
    if (!this.#hasTables) sql.exec(SCHEMA);
    this.#hasTables = true;
    return sql;
  }

  /**
   * Takes room for a file before its bytes are written.
   *
   * @param key  under which the bytes will be
   * @returns undefined where there is room
   */
  async reserve(path: string, key: string, bytes: number, quotas: FileQuotas): Promise<Refused> {
    const [writing] = this.#sql.exec("SELECT 1 AS one FROM reserved WHERE path = ? LIMIT 1", path);
    // Of several who write the same path at once only the first replaces what there is.
    const replaced = writing ? 0 : this.#find(path)?.bytes;
    const refused = refusalOf(this.used(), bytes, replaced, quotas);
    if (refused) return refused;
    this.#sql.exec("INSERT INTO reserved VALUES (?, ?, ?, ?)", key, path, bytes, Date.now() + RESERVED_MS);
    await this.#wake(Date.now() + RESERVED_MS);
    return undefined;
  }

  /**
   * Makes the bytes the file's.
   *
   * @returns what there is then; false where it took so long that the bytes were given up
   */
  async commit({ path, key, bytes, contentType, sha256, modifiedAt }: KeptFile): Promise<Totals | false> {
    const committed = this.ctx.storage.transactionSync(() => {
      const { rowsWritten } = this.#sql.exec("DELETE FROM reserved WHERE key = ?", key);
      if (rowsWritten === 0) return false;
      this.#drop(path);
      this.#sql.exec("INSERT INTO files VALUES (?, ?, ?, ?, ?, ?)", path, key, bytes, contentType, sha256, modifiedAt);
      this.#sql.exec("UPDATE totals SET bytes = bytes + ?, files = files + 1", bytes);
      return true;
    });
    if (!committed) return false;
    await this.#wake(Date.now() + KEPT_MS);
    return this.used();
  }

  /** Gives up a write. */
  async cancel(key: string): Promise<void> {
    this.ctx.storage.transactionSync(() => {
      this.#sql.exec("DELETE FROM reserved WHERE key = ?", key);
      this.#sql.exec("INSERT INTO dropped VALUES (?, ?) ON CONFLICT DO NOTHING", key, Date.now());
    });
    await this.#wake(Date.now());
  }

  /**
   * Begins a file that is written in pieces; it takes its place among the files at once.
   *
   * @returns `begun` where as many are begun already as may be
   */
  async begin(
    path: string,
    key: string,
    contentType: string,
    quotas: FileQuotas,
  ): Promise<Refused | { readonly begun: number }> {
    const [count] = this.#sql.exec<{ begun: number }>("SELECT count(*) AS begun FROM begun");
    if (count && count.begun >= MOST_BEGUN) return count;
    const refused = refusalOf(this.used(), 0, this.#find(path) && 0, quotas);
    if (refused) return refused;
    const until = Date.now() + RESERVED_MS;
    this.#sql.exec("INSERT INTO begun VALUES (?, ?, ?, 0, 0, 0, ?)", key, path, contentType, until);
    await this.#wake(until);
    return undefined;
  }

  /** Takes room for the next piece before its bytes are written; undefined where no such file is begun. */
  async reservePiece(key: string, bytes: number, quotas: PieceQuotas): Promise<PieceRoom> {
    const found = this.#begun(key);
    if (!found) return undefined;
    const whole = found.bytes + bytes;
    if (whole > quotas.fileBytes) return { large: whole };
    if (found.pieces >= MOST_PIECES) return { pieces: MOST_PIECES };
    const all = this.used().bytes + bytes;
    if (all > quotas.bytes) return { full: all };
    const until = Date.now() + RESERVED_MS;
    this.#sql.exec("UPDATE begun SET bytes = ?, pieces = pieces + 1, until = ? WHERE key = ?", whole, until, key);
    return { piece: found.pieces, key: pieceKey(key, found.pieces), bytes: whole };
  }

  /** The bytes of a piece are written. */
  storedPiece(key: string): void {
    this.#sql.exec("UPDATE begun SET stored = stored + 1 WHERE key = ?", key);
  }

  /**
   * Ends the writing: the pieces are for whoever makes one of them, and are deleted whether that succeeds or not. What is made is
   * committed or cancelled like every other write.
   *
   * @returns the file; one whose pieces are not all stored stays as it is. Undefined where no such file is begun
   */
  async finish(key: string): Promise<BegunFile | undefined> {
    const found = this.#begun(key);
    if (!found || found.stored < found.pieces) return found;
    const until = Date.now() + RESERVED_MS;
    this.ctx.storage.transactionSync(() => {
      this.#dropBegun(found, until);
      this.#sql.exec("INSERT INTO reserved VALUES (?, ?, ?, ?)", key, found.path, found.bytes, until);
    });
    await this.#wake(until);
    return found;
  }

  /** @returns true where such a file was begun */
  async abort(key: string): Promise<boolean> {
    const found = this.#begun(key);
    if (!found) return false;
    // A piece that is on its way to R2 comes after what is deleted at once.
    const until = Date.now() + KEPT_MS;
    this.ctx.storage.transactionSync(() => this.#dropBegun(found, until));
    await this.#wake(until);
    return true;
  }

  find(path: string): KeptFile | undefined {
    return this.#find(path);
  }

  /** @returns true where there was such a file */
  async delete(path: string): Promise<boolean> {
    const dropped = this.ctx.storage.transactionSync(() => this.#drop(path));
    if (dropped) await this.#wake(Date.now() + KEPT_MS);
    return dropped;
  }

  /** @param after  path of the last file of the page before */
  list(
    prefix: string,
    after: string,
    limit: number,
  ): { readonly files: readonly StoredFile[]; readonly more: boolean } {
    const end = prefixEnd(prefix);
    const rows = this.#sql.exec<Omit<Row, "key">>(
      `SELECT path, bytes, contentType, sha256, modifiedAt FROM files
       WHERE path >= ? AND path > ? ${end === undefined ? "" : "AND path < ?"} ORDER BY path LIMIT ?`,
      prefix,
      after,
      ...(end === undefined ? [] : [end]),
      limit + 1,
    );
    const files = [...rows];
    return { files: files.slice(0, limit), more: files.length > limit };
  }

  /** Files and begun writes together; a file that is being replaced counts twice. */
  used(): Totals {
    const [row] = this.#sql.exec<{ bytes: number; files: number }>(
      `SELECT bytes + (SELECT coalesce(sum(bytes), 0) FROM (SELECT bytes FROM reserved UNION ALL SELECT bytes FROM begun)) AS bytes,
         files + (SELECT count(*) FROM (SELECT path FROM reserved UNION SELECT path FROM begun) WHERE path NOT IN (SELECT path FROM files)) AS files
       FROM totals`,
    );
    return row ?? { bytes: 0, files: 0 };
  }

  /** Deletes the bytes nobody has any more, of abandoned writes too. R2 first: what is not deleted is tried again. */
  override async alarm(): Promise<void> {
    const now = Date.now();
    this.ctx.storage.transactionSync(() => {
      this.#sql.exec("INSERT INTO dropped SELECT key, until FROM reserved WHERE until <= ?", now);
      this.#sql.exec("DELETE FROM reserved WHERE until <= ?", now);
      const given = this.#sql.exec<BegunFile & Record<string, SqlStorageValue>>(
        "SELECT * FROM begun WHERE until <= ?",
        now,
      );
      for (const begun of given.toArray()) this.#dropBegun(begun, now);
      this.#recount();
    });
    const rows = this.#sql.exec<{ key: string }>(
      "SELECT key FROM dropped WHERE until <= ? ORDER BY until LIMIT ?",
      now,
      SWEPT,
    );
    const keys = [...rows].map(({ key }) => key);
    if (keys.length > 0) await this.env.STORE.delete(keys);
    this.#sql.exec("DELETE FROM dropped WHERE key IN (SELECT value FROM json_each(?))", JSON.stringify(keys));
    const [next] = this.#sql.exec<{ at: number | null }>(
      "SELECT min(until) AS at FROM (SELECT until FROM reserved UNION ALL SELECT until FROM begun UNION ALL SELECT until FROM dropped)",
    );
    if (typeof next?.at === "number") await this.#wake(next.at);
  }

  protected override stateReplacing(): void {
    this.#sql.exec(
      "INSERT INTO dropped SELECT key, ? FROM files WHERE true ON CONFLICT DO NOTHING",
      Date.now() + KEPT_MS,
    );
  }

  protected override stateReplaced(): void {
    this.#recount();
  }

  /** Whoever destroys the register deletes the bytes first: all below the install's prefix. */
  protected override stateDestroyed(): void {
    this.#hasTables = false;
  }

  protected override stateCommitted(): Promise<void> {
    return this.#wake(Date.now() + KEPT_MS);
  }

  #begun(key: string): BegunFile | undefined {
    const [row] = this.#sql.exec<BegunFile & Record<string, SqlStorageValue>>("SELECT * FROM begun WHERE key = ?", key);
    return row;
  }

  /** The bytes of its pieces are deleted after a time. */
  #dropBegun({ key, pieces }: BegunFile, until: number): void {
    const keys = Array.from({ length: pieces }, (_, piece) => pieceKey(key, piece));
    this.#sql.exec(
      "INSERT INTO dropped SELECT value, ? FROM json_each(?) WHERE true ON CONFLICT DO NOTHING",
      until,
      JSON.stringify(keys),
    );
    this.#sql.exec("DELETE FROM begun WHERE key = ?", key);
  }

  #find(path: string): KeptFile | undefined {
    const [row] = this.#sql.exec<Row>("SELECT * FROM files WHERE path = ?", path);
    return row;
  }

  #drop(path: string): boolean {
    const found = this.#find(path);
    if (!found) return false;
    this.#sql.exec("INSERT INTO dropped VALUES (?, ?)", found.key, Date.now() + KEPT_MS);
    this.#sql.exec("DELETE FROM files WHERE path = ?", path);
    this.#sql.exec("UPDATE totals SET bytes = bytes - ?, files = files - 1", found.bytes);
    return true;
  }

  #recount(): void {
    this.#sql.exec(
      "UPDATE totals SET bytes = (SELECT coalesce(sum(bytes), 0) FROM files), files = (SELECT count(*) FROM files)",
    );
  }

  async #wake(at: number): Promise<void> {
    const planned = await this.ctx.storage.getAlarm();
    if (planned === null || planned > at) await this.ctx.storage.setAlarm(at);
  }
}
