import { capabilityFunction, type Content } from "../capability-call.ts";

export interface StoredFile {
  readonly path: string;
  readonly bytes: number;
  readonly contentType: string;
  /** Hexadecimal. */
  readonly sha256: string;
  /** Milliseconds since the epoch. */
  readonly modifiedAt: number;
}

export interface FilePiece extends StoredFile {
  readonly offset: number;
  readonly content: Uint8Array<ArrayBuffer>;
  /** Whether the file goes on behind it. */
  readonly more: boolean;
}

export interface PieceOptions {
  readonly offset?: number;
  /** Bytes, at most 4 MiB; 1 MiB where nothing is said. */
  readonly length?: number;
}

export interface ListOptions {
  readonly prefix?: string;
  readonly after?: string;
  readonly limit?: number;
}

type Missing = { readonly found: false };
type Found<Value> = Missing | ({ readonly found: true } & Value);

const put = capabilityFunction<{ path: string; contentType?: string }, StoredFile>("files_put");
const get = capabilityFunction<{ path: string } & PieceOptions, Found<Omit<FilePiece, "content">>>("files_get");
const head = capabilityFunction<{ path: string }, Found<StoredFile>>("files_head");
const list = capabilityFunction<ListOptions, { files: StoredFile[]; more: boolean }>("files_list");
const remove = capabilityFunction<{ path: string }, { deleted: boolean }>("files_delete");

const begin = capabilityFunction<{ path: string; contentType?: string }, { id: string }>("files_begin");
const append = capabilityFunction<{ id: string }, { bytes: number }>("files_append");
const finish = capabilityFunction<{ id: string }, StoredFile>("files_finish");
const abort = capabilityFunction<{ id: string }, { aborted: boolean }>("files_abort");

/** Files of the install. Every function throws CapabilityError where it is refused. */
export const files = {
  /** Replaces the file as a whole. */
  async put(path: string, content: Content, contentType?: string): Promise<StoredFile> {
    return put({ path, ...(contentType === undefined ? {} : { contentType }) }, content).value;
  },

  /**
   * Writes a file in pieces, none of which has to be in memory beside another. It is in its place once all of it is there; where
   * the pieces fail, it is given up.
   */
  async write(
    path: string,
    pieces: Iterable<Content> | AsyncIterable<Content>,
    contentType?: string,
  ): Promise<StoredFile> {
    const { id } = begin({ path, ...(contentType === undefined ? {} : { contentType }) }).value;
    try {
      for await (const piece of pieces) append({ id }, piece);
      return finish({ id }).value;
    } catch (error) {
      abort({ id });
      throw error;
    }
  },

  async get(path: string, options: PieceOptions = {}): Promise<FilePiece | undefined> {
    const answer = get({ path, ...options });
    return answer.value.found ? { ...answer.value, content: answer.body() } : undefined;
  },

  async head(path: string): Promise<StoredFile | undefined> {
    const { value } = head({ path });
    return value.found ? value : undefined;
  },

  async list(options: ListOptions = {}): Promise<{ readonly files: readonly StoredFile[]; readonly more: boolean }> {
    return list(options).value;
  },

  async delete(path: string): Promise<boolean> {
    return remove({ path }).value.deleted;
  },
};
