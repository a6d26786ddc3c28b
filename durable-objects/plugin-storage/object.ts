import { StatefulObject } from "../object-state/object.ts";
import type { StateScope } from "../object-state/state.ts";
import {
  entryBytes,
  prefixEnd,
  SPACES,
  type Entry,
  type ListedEntry,
  type Made,
  type Page,
  type Space,
  type Unmade,
  type Write,
  type Written,
} from "./rules.ts";

/** Expired entries deleted at once; the alarm comes back for the rest. */
const PURGE = 1_000;
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS entries (
    space TEXT NOT NULL,
    key TEXT NOT NULL,
    value BLOB NOT NULL,
    bytes INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    expires_at INTEGER,
    used_at INTEGER NOT NULL,
    PRIMARY KEY (space, key)
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS entries_by_expiry ON entries (expires_at) WHERE expires_at IS NOT NULL;
  CREATE INDEX IF NOT EXISTS entries_by_use ON entries (space, used_at);
  CREATE TABLE IF NOT EXISTS spaces (space TEXT PRIMARY KEY, bytes INTEGER NOT NULL, revision INTEGER NOT NULL);
`;

type Row = {
  key: string;
  value: ArrayBuffer;
  bytes: number;
  revision: number;
  expires_at: number | null;
};

/**
 * Key-value storage of one install of one tenant. Each method is one transaction: the object runs one at a time and none of them
 * waits in between. Time comes from the worker, so that the two agree on what has expired.
 */
export class PluginStorage extends StatefulObject {
  protected readonly scope: StateScope = { object: "PluginStorage", tables: "ours", except: [] };
  #hasTables = false;
  /** By lock. */
  readonly #making = new Map<
    string,
    { readonly key: string; readonly made: Promise<{ readonly value: Uint8Array } | Unmade> }
  >();

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

  /** @param now  milliseconds since the epoch */
  get(space: Space, key: string, now: number): Entry | undefined {
    const row = this.#find(space, key, now);
    if (!row) return undefined;
    if (space === "cache")
      this.#sql.exec("UPDATE entries SET used_at = ? WHERE space = ? AND key = ?", now, space, key);
    return { value: new Uint8Array(row.value), revision: row.revision, expiresAt: row.expires_at };
  }

  /** All entries of a space that have not expired. */
  all(space: Space, now: number): readonly (Entry & { readonly key: string })[] {
    const rows = this.#sql.exec<Row>(
      "SELECT key, value, bytes, revision, expires_at FROM entries WHERE space = ? AND (expires_at IS NULL OR expires_at > ?) ORDER BY key",
      space,
      now,
    );
    return [...rows].map(({ key, value, revision, expires_at: expiresAt }) => ({
      key,
      value: new Uint8Array(value),
      revision,
      expiresAt,
    }));
  }

  /**
   * Writes all or nothing.
   *
   * @param quota    bytes the space may have; a cache makes room by dropping what was unused for longest
   * @param entries  entries the space may have, for spaces where they are counted
   * @returns of each write its revision, or why nothing was written
   */
  write(
    space: Space,
    writes: readonly Write[],
    quota: number,
    now: number,
    entries: number = Number.MAX_SAFE_INTEGER,
  ): readonly Written[] {
    const refused = writes.map((write) => this.#conflict(space, write, now)).filter((found) => found !== undefined);
    if (refused.length > 0) return refused;
    const added = writes.reduce((sum, { key, value }) => sum + entryBytes(key, value.byteLength), 0);
    const replaced = writes.reduce((sum, { key }) => sum + this.#bytesOf(space, key), 0);
    this.#purge(space, now);
    const room = (): number => quota - (this.#used(space) - replaced) - added;
    if (space === "cache" && added <= quota) this.#evict(space, room, new Set(writes.map(({ key }) => key)));
    if (room() < 0) return [{ full: quota - room() }];
    const crowded = entries === Number.MAX_SAFE_INTEGER ? 0 : this.#entriesWith(space, writes);
    if (crowded > entries) return [{ crowded }];
    const counted = crowded > 0 ? { entries: crowded } : {};
    return this.ctx.storage.transactionSync(() =>
      writes.map((write) => ({ ...this.#put(space, write, now), ...counted })),
    );
  }

  /**
   * Writes and removes all or nothing.
   *
   * @param quota  bytes the space may have
   * @returns bytes the space would have, where that is too much
   */
  change(
    space: Space,
    writes: readonly Pick<Write, "key" | "value">[],
    removed: readonly string[],
    quota: number,
    now: number,
  ): number | undefined {
    const gone = [...removed, ...writes.map(({ key }) => key)];
    const before = gone.reduce((sum, key) => sum + this.#bytesOf(space, key), 0);
    const added = writes.reduce((sum, { key, value }) => sum + entryBytes(key, value.byteLength), 0);
    const bytes = this.#used(space) - before + added;
    if (bytes > quota && added > before) return bytes;
    this.ctx.storage.transactionSync(() => {
      this.#remove(space, removed);
      for (const write of writes) this.#put(space, { ...write, expiresAt: null, ifRevision: undefined }, now);
    });
    return undefined;
  }

  /** @returns true where there was such an entry; the conflicting revision where it had another */
  delete(
    space: Space,
    key: string,
    ifRevision: number | undefined,
    now: number,
  ): boolean | { readonly conflict: number } {
    const found = this.#find(space, key, now);
    if (ifRevision !== undefined && (found?.revision ?? 0) !== ifRevision) return { conflict: found?.revision ?? 0 };
    this.#remove(space, [key]);
    return found !== undefined;
  }

  /** @param after  key of the last entry of the page before */
  list(space: Space, prefix: string, after: string, limit: number, now: number): Page {
    const end = prefixEnd(prefix);
    const rows = this.#sql.exec<{ key: string; bytes: number; revision: number; expires_at: number | null }>(
      `SELECT key, bytes, revision, expires_at FROM entries
       WHERE space = ? AND key >= ? AND key > ? AND (? IS NULL OR key < ?) AND (expires_at IS NULL OR expires_at > ?)
       ORDER BY key LIMIT ?`,
      space,
      prefix,
      after,
      end ?? null,
      end ?? null,
      now,
      limit + 1,
    );
    const entries: ListedEntry[] = [...rows].map(({ expires_at: expiresAt, ...entry }) => ({ ...entry, expiresAt }));
    return { entries: entries.slice(0, limit), more: entries.length > limit };
  }

  /**
   * An entry, made where there is none. Under one lock one entry is made at a time, and those who want the same one get it.
   *
   * @param make  its first write is the entry
   * @returns the entry, or why it could not be made
   * @throws where whoever made it was cut off
   */
  async once(
    space: Space,
    key: string,
    lock: string,
    now: number,
    make: () => Promise<Made>,
  ): Promise<{ readonly value: Uint8Array } | Unmade> {
    for (;;) {
      const found = this.get(space, key, now);
      if (found) return { value: found.value };
      const underWay = this.#making.get(lock);
      if (!underWay) break;
      const result = await underWay.made.catch(() => undefined);
      if (result && underWay.key === key) return result;
    }
    const made = this.#make(space, now, make);
    this.#making.set(lock, { key, made });
    try {
      return await made;
    } finally {
      this.#making.delete(lock);
    }
  }

  async #make(space: Space, now: number, make: () => Promise<Made>): Promise<{ readonly value: Uint8Array } | Unmade> {
    const made = await make();
    if ("code" in made) return made;
    this.ctx.storage.transactionSync(() => made.writes.map((write) => this.#put(space, write, now)));
    return { value: made.writes[0].value };
  }

  /** Bytes that the entries of a space count for. */
  used(space: Space): number {
    return this.#used(space);
  }

  protected override stateReplacing(): void {
    void this.#sql;
  }

  protected override stateDestroyed(): void {
    this.#hasTables = false;
  }

  override async alarm(): Promise<void> {
    const now = Date.now();
    for (const space of SPACES) this.#purge(space, now);
    await this.#wakeForExpiry();
  }

  protected override stateCommitted(): Promise<void> {
    return this.#wakeForExpiry();
  }

  #find(space: Space, key: string, now: number): Row | undefined {
    const [row] = this.#sql.exec<Row>(
      "SELECT key, value, bytes, revision, expires_at FROM entries WHERE space = ? AND key = ?",
      space,
      key,
    );
    return row && (row.expires_at === null || row.expires_at > now) ? row : undefined;
  }

  #conflict(space: Space, { key, ifRevision }: Write, now: number): Written | undefined {
    if (ifRevision === undefined) return undefined;
    const revision = this.#find(space, key, now)?.revision ?? 0;
    return revision === ifRevision ? undefined : { conflict: revision };
  }

  #put(
    space: Space,
    { key, value, expiresAt }: Write,
    now: number,
  ): { readonly revision: number; readonly held: number } {
    const bytes = entryBytes(key, value.byteLength);
    const before = this.#bytesOf(space, key);
    const [row] = this.#sql.exec<{ revision: number; bytes: number }>(
      `INSERT INTO spaces (space, bytes, revision) VALUES (?, ?, 1)
       ON CONFLICT (space) DO UPDATE SET bytes = bytes + ?, revision = revision + 1 RETURNING revision, bytes`,
      space,
      bytes,
      bytes - before,
    );
    const revision = row?.revision ?? 1;
    this.#sql.exec(
      `INSERT INTO entries (space, key, value, bytes, revision, expires_at, used_at) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (space, key) DO UPDATE SET value = excluded.value, bytes = excluded.bytes, revision = excluded.revision,
         expires_at = excluded.expires_at, used_at = excluded.used_at`,
      space,
      key,
      value,
      bytes,
      revision,
      expiresAt,
      now,
    );
    if (expiresAt !== null) this.ctx.waitUntil(this.#wakeForExpiry());
    return { revision, held: row?.bytes ?? bytes };
  }

  #bytesOf(space: Space, key: string): number {
    const [row] = this.#sql.exec<{ bytes: number }>(
      "SELECT bytes FROM entries WHERE space = ? AND key = ?",
      space,
      key,
    );
    return row?.bytes ?? 0;
  }

  /** Entries that the space would have after the writes. */
  #entriesWith(space: Space, writes: readonly Write[]): number {
    const [row] = this.#sql.exec<{ count: number }>("SELECT count(*) AS count FROM entries WHERE space = ?", space);
    const fresh = new Set(writes.map(({ key }) => key).filter((key) => this.#bytesOf(space, key) === 0));
    return (row?.count ?? 0) + fresh.size;
  }

  #used(space: Space): number {
    const [row] = this.#sql.exec<{ bytes: number }>("SELECT bytes FROM spaces WHERE space = ?", space);
    return row?.bytes ?? 0;
  }

  #purge(space: Space, now: number): void {
    const rows = this.#sql.exec<{ key: string }>(
      "SELECT key FROM entries WHERE space = ? AND expires_at IS NOT NULL AND expires_at <= ? LIMIT ?",
      space,
      now,
      PURGE,
    );
    this.#remove(
      space,
      [...rows].map(({ key }) => key),
    );
  }

  /** Drops what was unused for longest until there is room, but nothing of what is being written. */
  #evict(space: Space, room: () => number, kept: ReadonlySet<string>): void {
    while (room() < 0) {
      const rows = this.#sql.exec<{ key: string }>(
        "SELECT key FROM entries WHERE space = ? ORDER BY used_at LIMIT ?",
        space,
        kept.size + 50,
      );
      const oldest = [...rows].map(({ key }) => key).filter((key) => !kept.has(key));
      if (oldest.length === 0) return;
      for (const key of oldest) {
        this.#remove(space, [key]);
        if (room() >= 0) return;
      }
    }
  }

  #remove(space: Space, keys: readonly string[]): void {
    this.ctx.storage.transactionSync(() => {
      for (const key of keys) {
        this.#sql.exec("UPDATE spaces SET bytes = bytes - ? WHERE space = ?", this.#bytesOf(space, key), space);
        this.#sql.exec("DELETE FROM entries WHERE space = ? AND key = ?", space, key);
      }
    });
  }

  async #wakeForExpiry(): Promise<void> {
    const [row] = this.#sql.exec<{ at: number | null }>("SELECT min(expires_at) AS at FROM entries");
    const at = row?.at;
    if (at === null || at === undefined) return;
    const planned = await this.ctx.storage.getAlarm();
    if (planned === null || planned > at) await this.ctx.storage.setAlarm(at);
  }
}
