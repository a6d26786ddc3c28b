import { DurableObject } from "cloudflare:workers";
import { piecesOf, PIECE_BYTES, StateRefused } from "./rules.ts";
import { clearState, SET_ASIDE, stateLines, StateWriter, type StateScope } from "./state.ts";

const EXPORTS = `${SET_ASIDE}export/`;
const IMPORTS = `${SET_ASIDE}import/`;
/** Id of the last import that went through. */
const IMPORTED = `${SET_ASIDE}imported`;
/** What nobody came back for. */
const FORGOTTEN_MS = 60 * 60_000;
/** Exports kept at once; the oldest goes when another begins, and who reads it begins anew. */
const KEPT_EXPORTS = 2;

interface Kept {
  readonly pieces: number;
  readonly bytes: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

export interface Exported {
  readonly id: string;
  readonly pieces: number;
  /** The first piece; where there are more they are asked for one by one, this one again where it was lost. */
  readonly first: Uint8Array;
}

/**
 * A Durable Object whose state can be taken out and put back. An export is one point in time: all of it is read within one turn
 * of the object, which runs nothing else meanwhile, and what is more than one piece is set aside in the object's own key-value
 * storage until it was fetched. An import replaces everything at once, or nothing.
 */
export abstract class StatefulObject extends DurableObject {
  protected abstract readonly scope: StateScope;
  #setAside: number | undefined;

  /** @param now  milliseconds since the epoch */
  exportState(now: number): Exported {
    const id = crypto.randomUUID();
    return this.ctx.storage.transactionSync(() => {
      this.#forget(EXPORTS, now);
      const { kv } = this.ctx.storage;
      let first: Uint8Array | undefined;
      let [pieces, bytes] = [0, 0];
      for (const piece of piecesOf(stateLines(this.ctx.storage, this.scope))) {
        if (pieces > 0) kv.put(pieceKey(EXPORTS, id, pieces), piece);
        else first = piece;
        pieces += 1;
        bytes += piece.byteLength;
      }
      if (pieces > 1) {
        kv.put(pieceKey(EXPORTS, id, 0), first);
        kv.put(EXPORTS + id, { pieces, bytes, at: now } satisfies Kept);
      }
      this.#setAside = undefined;
      return { id, pieces, first: first ?? new Uint8Array() };
    });
  }

  /** @returns undefined where the export was forgotten: begin anew */
  exportedPiece(id: string, index: number): Uint8Array | undefined {
    return this.ctx.storage.kv.get<Uint8Array>(pieceKey(EXPORTS, id, index));
  }

  endExport(id: string): void {
    this.#drop(EXPORTS, id);
  }

  /** Keeps a piece of a state that is to replace this one; the same piece may come again. */
  stagePiece(id: string, index: number, piece: Uint8Array, now: number): void {
    this.ctx.storage.transactionSync(() => {
      if (index === 0) this.#forget(IMPORTS, now);
      const before = this.ctx.storage.kv.get<Kept>(IMPORTS + id);
      const pieces = Math.max(before?.pieces ?? 0, index + 1);
      this.ctx.storage.kv.put(IMPORTS + id, { pieces, bytes: pieces * PIECE_BYTES, at: now } satisfies Kept);
      this.ctx.storage.kv.put(pieceKey(IMPORTS, id, index), piece);
      this.#setAside = undefined;
    });
  }

  /**
   * Replaces the state with what was staged. Called again after it went through, it does nothing.
   *
   * @returns why nothing has changed, where the state is not whole or not one that this version can read
   */
  async commitImport(id: string, pieces: number): Promise<string | undefined> {
    if (this.ctx.storage.kv.get<string>(IMPORTED) === id) return undefined;
    try {
      this.#replace(id, pieces);
    } catch (error) {
      if (error instanceof StateRefused) return error.message;
      throw error;
    }
    await this.stateCommitted();
    return undefined;
  }

  #replace(id: string, pieces: number): void {
    const { kv } = this.ctx.storage;
    this.ctx.storage.transactionSync(() => {
      this.stateReplacing();
      clearState(this.ctx.storage, this.scope);
      const writer = new StateWriter(this.ctx.storage, this.scope);
      for (let index = 0; index < pieces; index++) writer.write(kv.get<Uint8Array>(pieceKey(IMPORTS, id, index)));
      writer.end();
      this.stateReplaced();
      this.#drop(IMPORTS, id);
      kv.put(IMPORTED, id);
    });
  }

  dropImport(id: string): void {
    this.#drop(IMPORTS, id);
  }

  /** Leaves nothing of the object, no tables either. */
  async destroy(): Promise<void> {
    await this.ctx.storage.deleteAlarm();
    await this.ctx.storage.deleteAll();
    this.#setAside = undefined;
    this.stateDestroyed();
  }

  /** Bytes that exports and imports under way take of the object's storage. */
  protected get setAsideBytes(): number {
    this.#setAside ??= [...this.#kept(EXPORTS), ...this.#kept(IMPORTS)].reduce((sum, [, { bytes }]) => sum + bytes, 0);
    return this.#setAside;
  }

  /** Within the transaction, while the old state is there. */
  protected stateReplacing(): void {}

  /** Within the transaction, once the new state is there. */
  protected stateReplaced(): void {}

  /** Once nothing is left. */
  protected stateDestroyed(): void {}

  /** Once the state is replaced: alarms. */
  protected async stateCommitted(): Promise<void> {}

  *#kept(prefix: string): Generator<readonly [string, Kept]> {
    for (const [key, value] of this.ctx.storage.kv.list<Kept>({ prefix })) {
      if (!key.slice(prefix.length).includes("/")) yield [key.slice(prefix.length), value];
    }
  }

  #forget(prefix: string, now: number): void {
    const kept = [...this.#kept(prefix)].toSorted(([, one], [, other]) => other.at - one.at);
    for (const [index, [id, { at }]] of kept.entries()) {
      if (at < now - FORGOTTEN_MS || index >= KEPT_EXPORTS - 1) this.#drop(prefix, id);
    }
  }

  #drop(prefix: string, id: string): void {
    const { kv } = this.ctx.storage;
    const pieces = kv.get<Kept>(prefix + id)?.pieces ?? 0;
    for (let index = 0; index < pieces; index++) kv.delete(pieceKey(prefix, id, index));
    kv.delete(prefix + id);
    this.#setAside = undefined;
  }
}

function pieceKey(prefix: string, id: string, index: number): string {
  return `${prefix}${id}/${index}`;
}
