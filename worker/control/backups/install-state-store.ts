import { databaseOf } from "../../../durable-objects/plugin-database/client.ts";
import { contentKey, filesOf } from "../../../durable-objects/plugin-files/client.ts";
import { healthOf } from "../../../durable-objects/plugin-health/client.ts";
import { storageOf } from "../../../durable-objects/plugin-storage/client.ts";
import { piecesOf, StateReader, StateRefused, type StateLine } from "../../../durable-objects/object-state/rules.ts";
import type { StatefulObject } from "../../../durable-objects/object-state/object.ts";
import { PlatformError } from "../../../sdk/contract/errors.ts";
import { toHex } from "../../lib/hex.ts";
import type { Clock } from "../../lib/clock.ts";
import type { IdSource } from "../../lib/ulid.ts";
import { keepBlob, restoreBlob, type Blob, type BlobDeps } from "./blob-store.ts";
import { TenantKeys } from "./tenant-key-store.ts";
import {
  encodeFrame,
  FrameReader,
  INSTALL_STATE_FORMAT,
  STATE_OBJECTS,
  type Frame,
  type StateObject,
} from "./state-frame-rules.ts";

/**
 * What an install keeps in its Durable Objects, as a stream and back. Each object's part is one point in time of that object;
 * several objects are read one after the other. Values stay sealed as they are, bound to tenant and install, so that they open
 * again only under the same ids. Files' bytes are kept as blobs beside the stream, which holds their digests.
 */
export interface InstallStateDeps extends BlobDeps {
  readonly env: BlobDeps["env"] & Pick<Env, "PLUGIN_STORAGE" | "PLUGIN_DATABASE" | "PLUGIN_FILES" | "PLUGIN_HEALTH">;
  readonly clock: Clock;
  readonly newId: IdSource;
}

export interface StateOwner {
  readonly tenantId: string;
  readonly installId: string;
}

/** Exports of one object that others made forgotten, before giving up. */
const TRIES = 3;

/**
 * @param objects  which of the install's objects; all where left out
 * @param onFile   called for each file whose bytes were kept beside the stream; null: none are
 */
export function exportInstallState(
  deps: InstallStateDeps,
  owner: StateOwner,
  objects: readonly StateObject[] = STATE_OBJECTS,
  onFile: ((file: Blob) => void) | null = () => undefined,
): ReadableStream<Uint8Array> {
  const chunks = exported(deps, owner, objects, onFile);
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await chunks.next();
      if (done === true) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      await chunks.return(undefined);
    },
  });
}

async function* exported(
  deps: InstallStateDeps,
  owner: StateOwner,
  objects: readonly StateObject[],
  onFile: ((file: Blob) => void) | null,
): AsyncGenerator<Uint8Array, void, undefined> {
  const hash = new crypto.DigestStream("SHA-256");
  const writer = hash.getWriter();
  const hashed = async (frame: Frame): Promise<Uint8Array> => {
    const bytes = encodeFrame(frame);
    await writer.write(bytes);
    return bytes;
  };
  yield await hashed({ kind: "header", format: INSTALL_STATE_FORMAT, ...owner });
  for (const object of objects) {
    yield await hashed({ kind: "object", object });
    for await (const bytes of piecesOfObject(deps, owner, object, onFile)) yield await hashed({ kind: "piece", bytes });
  }
  await writer.close();
  yield encodeFrame({ kind: "end", sha256: toHex(await hash.digest) });
}

/** Once a piece was given out, what is forgotten cannot begin anew: whoever reads has to. */
async function* piecesOfObject(
  deps: InstallStateDeps,
  owner: StateOwner,
  object: StateObject,
  onFile: ((file: Blob) => void) | null,
): AsyncGenerator<Uint8Array> {
  const stub = objectOf(deps, owner, object);
  const files = object === "PluginFiles" && onFile ? new StateReader() : undefined;
  const keys = new TenantKeys(deps);
  for (let attempt = 1; ; attempt++) {
    const { id, pieces, first } = await stub.exportState(deps.clock.now());
    let given = 0;
    for (; given < pieces; given++) {
      const piece = given === 0 ? first : await stub.exportedPiece(id, given);
      if (!piece) break;
      if (files && onFile) for (const line of files.push(piece)) await keepFile(deps, keys, line, onFile);
      yield piece;
    }
    if (pieces > 1) await stub.endExport(id);
    if (given === pieces) return;
    if (given > 0 || attempt === TRIES) {
      throw new PlatformError(
        "STATE_CONFLICT",
        "The export was given up because others were begun meanwhile; begin anew.",
      );
    }
  }
}

/**
 * Replaces what the install's objects hold with what the stream says. Every object is staged before any is replaced, and nothing
 * is replaced where the stream is not whole; objects that the stream does not have stay as they are.
 *
 * @throws {PlatformError} BACKUP_UNREADABLE where the stream is not what was exported, is another install's, or has what this
 *   version cannot read
 */
export async function importInstallState(
  deps: InstallStateDeps,
  owner: StateOwner,
  stream: ReadableStream<Uint8Array>,
): Promise<readonly StateObject[]> {
  const id = deps.newId();
  const staged = new Map<StateObject, number>();
  try {
    await stageAll(deps, owner, stream, id, staged);
    for (const [object, pieces] of staged) {
      const refused = await objectOf(deps, owner, object).commitImport(id, pieces);
      if (refused !== undefined) throw new PlatformError("BACKUP_UNREADABLE", refused);
    }
  } catch (error) {
    for (const object of staged.keys()) await objectOf(deps, owner, object).dropImport(id);
    if (error instanceof StateRefused) throw new PlatformError("BACKUP_UNREADABLE", error.message, { cause: error });
    throw error;
  }
  return [...staged.keys()];
}

async function stageAll(
  deps: InstallStateDeps,
  owner: StateOwner,
  stream: ReadableStream<Uint8Array>,
  id: string,
  staged: Map<StateObject, number>,
): Promise<void> {
  let [object, files, ended]: [StateObject | undefined, StateLine[], boolean] = [undefined, [], false];
  const reader = new StateReader();
  const keys = new TenantKeys(deps);
  const stage = async (bytes: Uint8Array): Promise<void> => {
    if (object === undefined) throw unreadable("a piece belongs to no object");
    const index = staged.get(object) ?? 0;
    staged.set(object, index + 1);
    await objectOf(deps, owner, object).stagePiece(id, index, bytes, deps.clock.now());
  };
  for await (const frame of provedFrames(stream)) {
    if (frame.kind === "header") requireOwner(frame, owner);
    else if (frame.kind === "object") {
      object = frame.object;
      staged.set(object, 0);
    } else if (frame.kind === "end") ended = true;
    else if (object === "PluginFiles") {
      for (const line of reader.push(frame.bytes)) files.push(await placeFile(deps, keys, owner, line));
    } else await stage(frame.bytes);
  }
  if (!ended) throw unreadable("it ends before its end");
  if (files.length === 0) return;
  object = "PluginFiles";
  for (const piece of piecesOf(files)) await stage(piece);
}

/** The frames of a stream; the last comes only where the digest of all before it is right. */
export async function* provedFrames(stream: ReadableStream<Uint8Array>): AsyncGenerator<Frame> {
  const hash = new crypto.DigestStream("SHA-256");
  const writer = hash.getWriter();
  const reader = new FrameReader();
  let count = 0;
  let ended = false;
  for await (const chunk of stream) {
    for (const { frame, raw } of reader.push(chunk)) {
      if (ended || (count === 0) !== (frame.kind === "header")) throw unreadable("its frames are out of order");
      count += 1;
      if (frame.kind === "end") {
        await writer.close();
        if (toHex(await hash.digest) !== frame.sha256) throw unreadable("its digest is another");
        ended = true;
      } else await writer.write(raw);
      yield frame;
    }
  }
  if (!ended || !reader.ended) throw unreadable("it ends before its end");
}

function requireOwner(header: Extract<Frame, { kind: "header" }>, { tenantId, installId }: StateOwner): void {
  if (header.format !== INSTALL_STATE_FORMAT) {
    throw unreadable(`it has format ${header.format}, and this version reads ${INSTALL_STATE_FORMAT}`);
  }
  if (header.tenantId !== tenantId || header.installId !== installId) throw unreadable("it is another install's");
}

function unreadable(why: string): PlatformError {
  return new PlatformError("BACKUP_UNREADABLE", `The state of the install cannot be read: ${why}.`);
}

const FILE_COLUMNS = { path: 0, key: 1, sha256: 4 } as const;

/** A row of the register: path, key, bytes, contentType, sha256, modifiedAt, as tagged texts. */
function isFile(line: StateLine): line is readonly (string | number | null)[] {
  return Array.isArray(line);
}

async function keepFile(
  deps: InstallStateDeps,
  keys: TenantKeys,
  line: StateLine,
  onFile: (file: Blob) => void,
): Promise<void> {
  if (!isFile(line)) return;
  const [key, digest] = [textOf(line[FILE_COLUMNS.key]), textOf(line[FILE_COLUMNS.sha256])];
  const kept = await keepBlob(deps, { key, digest }, keys);
  if (kept === "missing" || kept === "damaged") {
    throw new PlatformError(
      "BACKUP_UNREADABLE",
      `The file ${textOf(line[FILE_COLUMNS.path])} is ${kept} in the store.`,
    );
  }
  onFile({ digest, key });
}

/** Bytes under a key are never written twice, and may be on their way out: each file comes back under a new one. */
async function placeFile(
  deps: InstallStateDeps,
  keys: TenantKeys,
  owner: StateOwner,
  line: StateLine,
): Promise<StateLine> {
  if (!isFile(line)) return line;
  const key = contentKey(owner, deps.newId());
  const digest = textOf(line[FILE_COLUMNS.sha256]);
  if ((await restoreBlob(deps, { digest, key }, key, keys)) !== "restored")
    throw unreadable(`the copy of its file ${digest} is missing or damaged`);
  return line.map((value, column) => (column === FILE_COLUMNS.key ? `t${key}` : value));
}

function textOf(value: string | number | null | undefined): string {
  return typeof value === "string" ? value.slice(1) : "";
}

function objectOf(
  { env }: InstallStateDeps,
  owner: StateOwner,
  object: StateObject,
): DurableObjectStub<StatefulObject> {
  const objects: Readonly<Record<StateObject, () => DurableObjectStub<StatefulObject>>> = {
    PluginStorage: () => storageOf(env.PLUGIN_STORAGE, owner),
    PluginDatabase: () => databaseOf(env.PLUGIN_DATABASE, owner),
    PluginFiles: () => filesOf(env.PLUGIN_FILES, owner),
    PluginHealth: () => healthOf(env.PLUGIN_HEALTH, owner.installId),
  };
  return objects[object]();
}
