import { HOST_COSTS } from "../costs.ts";
import type { GuestControl } from "../guest-control.ts";
import type { HostFunction } from "../host-import.ts";
import { decodeStrictly } from "../text.ts";
import { ERRNO, WasiError } from "./errno.ts";
import {
  directoryEntry,
  FDSTAT_BYTES,
  FILESTAT_BYTES,
  RIGHT_WRITE,
  writeFdstat,
  writeFilestat,
} from "./file-records.ts";
import { type FolderNode, resolvePath, type TreeNode } from "./file-tree.ts";
import { GuestBuffers } from "./guest-buffers.ts";
import type { GuestMemory } from "./guest-memory.ts";
import { type OpenFiles, ROOT_DESCRIPTOR } from "./open-files.ts";

const ROOT_NAME = "/";
const PATH_BYTES = 4_096;
const OPEN = { create: 1, folder: 2, exclusive: 4, truncate: 8 } as const;
const WHENCE = { start: 0, current: 1, end: 2 } as const;

export interface FileContext {
  readonly memory: GuestMemory;
  readonly control: GuestControl;
  readonly open: OpenFiles;
}

type NamedFunctions = readonly (readonly [string, HostFunction])[];

/**
 * Functions of WASI preview 1 for descriptors of the package's files. Those that take a descriptor are for descriptors from
 * {@link ROOT_DESCRIPTOR} on; the caller sends the others elsewhere.
 */
export function fileFunctions(context: FileContext): NamedFunctions {
  return [...descriptorFunctions(context), ...readingFunctions(context), ...pathFunctions(context)];
}

const succeed = (): number => ERRNO.success;
const readOnly = (): number => ERRNO.rofs;

function descriptorFunctions({ memory, open }: FileContext): NamedFunctions {
  const close = (descriptor: number): number => {
    open.close(descriptor);
    return ERRNO.success;
  };
  const prestat = (descriptor: number, result: number): number => {
    if (descriptor !== ROOT_DESCRIPTOR) throw new WasiError(ERRNO.badf);
    memory.setUint32(result, 0);
    memory.setUint32(result + 4, ROOT_NAME.length);
    return ERRNO.success;
  };
  const prestatName = (descriptor: number, path: number, length: number): number => {
    if (descriptor !== ROOT_DESCRIPTOR) throw new WasiError(ERRNO.badf);
    if (length >>> 0 < ROOT_NAME.length) throw new WasiError(ERRNO.nametoolong);
    memory.bytes(path, ROOT_NAME.length)[0] = ROOT_NAME.charCodeAt(0);
    return ERRNO.success;
  };
  const fdstat = (descriptor: number, result: number): number => {
    writeFdstat(memory.view(result, FDSTAT_BYTES), open.node(descriptor));
    return ERRNO.success;
  };
  const filestat = (descriptor: number, result: number): number => {
    writeFilestat(memory.view(result, FILESTAT_BYTES), open.node(descriptor));
    return ERRNO.success;
  };
  return [
    ["fd_advise", { type: "(i32, i64, i64, i32) -> i32", run: succeed }],
    ["fd_close", { type: "(i32) -> i32", run: close }],
    ["fd_datasync", { type: "(i32) -> i32", run: succeed }],
    ["fd_sync", { type: "(i32) -> i32", run: succeed }],
    ["fd_fdstat_get", { type: "(i32, i32) -> i32", run: fdstat }],
    ["fd_fdstat_set_flags", { type: "(i32, i32) -> i32", run: succeed }],
    ["fd_filestat_get", { type: "(i32, i32) -> i32", run: filestat }],
    ["fd_prestat_get", { type: "(i32, i32) -> i32", run: prestat }],
    ["fd_prestat_dir_name", { type: "(i32, i32, i32) -> i32", run: prestatName }],
    // Nothing is ever open for writing.
    ["fd_write", { type: "(i32, i32, i32, i32) -> i32", run: () => ERRNO.badf }],
    ["fd_pwrite", { type: "(i32, i32, i32, i64, i32) -> i32", run: () => ERRNO.badf }],
  ];
}

function readingFunctions(context: FileContext): NamedFunctions {
  const { memory, control, open } = context;
  const buffers = new GuestBuffers(memory, control);
  const read = (descriptor: number, vectors: number, count: number, result: number): number => {
    const file = open.file(descriptor);
    const length = scatter(context, buffers.ranges(vectors, count), file.node.bytes, file.position);
    file.position += length;
    memory.setUint32(result, length);
    return ERRNO.success;
  };
  const readAt = (descriptor: number, vectors: number, count: number, offset: bigint, result: number): number => {
    const { node } = open.file(descriptor);
    const position = Number(BigInt.asUintN(64, offset));
    memory.setUint32(result, scatter(context, buffers.ranges(vectors, count), node.bytes, position));
    return ERRNO.success;
  };
  const seek = (descriptor: number, offset: bigint, whence: number, result: number): number => {
    const file = open.file(descriptor);
    const bases: Readonly<Record<number, number>> = {
      [WHENCE.start]: 0,
      [WHENCE.current]: file.position,
      [WHENCE.end]: file.node.bytes.byteLength,
    };
    const base = bases[whence];
    const position = base === undefined ? -1 : base + Number(offset);
    if (position < 0 || position > Number.MAX_SAFE_INTEGER) throw new WasiError(ERRNO.inval);
    file.position = position;
    memory.setUint64(result, BigInt(position));
    return ERRNO.success;
  };
  const tell = (descriptor: number, result: number): number => {
    memory.setUint64(result, BigInt(open.file(descriptor).position));
    return ERRNO.success;
  };
  return [
    ["fd_read", { type: "(i32, i32, i32, i32) -> i32", run: read }],
    ["fd_pread", { type: "(i32, i32, i32, i64, i32) -> i32", run: readAt }],
    ["fd_seek", { type: "(i32, i64, i32, i32) -> i32", run: seek }],
    ["fd_tell", { type: "(i32, i32) -> i32", run: tell }],
    ["fd_readdir", { type: "(i32, i32, i32, i64, i32) -> i32", run: listFolder.bind(undefined, context) }],
  ];
}

/** Fills ranges of the guest's memory from a position of a file, each paid for before it is filled. */
function scatter({ control }: FileContext, ranges: Iterable<Uint8Array>, from: Uint8Array, position: number): number {
  let at = position;
  for (const range of ranges) {
    const part = from.subarray(at, at + range.byteLength);
    control.charge(part.byteLength * HOST_COSTS.copiedByte);
    range.set(part);
    at += part.byteLength;
    if (part.byteLength < range.byteLength) break;
  }
  return at - position;
}

/** Entries from a position on, as many as fit; the last may be cut, by which the program sees that there are more. */
function listFolder(
  { memory, control, open }: FileContext,
  descriptor: number,
  buffer: number,
  length: number,
  cookie: bigint,
  result: number,
): number {
  const folder = open.folder(descriptor);
  const target = memory.bytes(buffer, length >>> 0);
  let used = 0;
  let position = Number(BigInt.asUintN(64, cookie));
  while (used < target.byteLength) {
    const entry = directoryEntry(folder, position++);
    if (entry === undefined) break;
    control.charge(HOST_COSTS.folderEntry + entry.byteLength * HOST_COSTS.copiedByte);
    const part = entry.subarray(0, target.byteLength - used);
    target.set(part, used);
    used += part.byteLength;
  }
  memory.setUint32(result, used);
  return ERRNO.success;
}

function pathFunctions(context: FileContext): NamedFunctions {
  const { memory } = context;
  const find = (descriptor: number, path: number, length: number): TreeNode => {
    return resolvePath(context.open.folder(descriptor), readPath(context, path, length));
  };
  const filestat = (descriptor: number, _flags: number, path: number, length: number, result: number): number => {
    writeFilestat(memory.view(result, FILESTAT_BYTES), find(descriptor, path, length));
    return ERRNO.success;
  };
  // There are no links: what exists is none.
  const readlink = (descriptor: number, path: number, length: number): number => {
    find(descriptor, path, length);
    return ERRNO.inval;
  };
  return [
    [
      "path_open",
      { type: "(i32, i32, i32, i32, i32, i64, i64, i32, i32) -> i32", run: openPath.bind(undefined, context) },
    ],
    ["path_filestat_get", { type: "(i32, i32, i32, i32, i32) -> i32", run: filestat }],
    ["path_readlink", { type: "(i32, i32, i32, i32, i32, i32) -> i32", run: readlink }],
    ["path_create_directory", { run: readOnly }],
    ["path_filestat_set_times", { run: readOnly }],
    ["path_link", { run: readOnly }],
    ["path_remove_directory", { run: readOnly }],
    ["path_rename", { run: readOnly }],
    ["path_symlink", { run: readOnly }],
    ["path_unlink_file", { run: readOnly }],
  ];
}

function openPath(
  context: FileContext,
  descriptor: number,
  _lookup: number,
  path: number,
  length: number,
  how: number,
  rights: bigint,
  _inheriting: bigint,
  _flags: number,
  result: number,
): number {
  const { memory, control, open } = context;
  const node = findOrRefuseCreation(open.folder(descriptor), readPath(context, path, length), how);
  if ((how & OPEN.create) !== 0 && (how & OPEN.exclusive) !== 0) throw new WasiError(ERRNO.exist);
  if ((how & OPEN.folder) !== 0 && node.kind !== "folder") throw new WasiError(ERRNO.notdir);
  const forWriting = (rights & RIGHT_WRITE) !== 0n && node.kind === "file";
  if (forWriting || (how & OPEN.truncate) !== 0) throw new WasiError(ERRNO.rofs);
  memory.view(result, 4);
  control.charge(HOST_COSTS.descriptor);
  memory.setUint32(result, open.open(node));
  return ERRNO.success;
}

function findOrRefuseCreation(folder: FolderNode, path: string, how: number): TreeNode {
  try {
    return resolvePath(folder, path);
  } catch (error) {
    const isMissing = error instanceof WasiError && error.errno === ERRNO.noent;
    if (isMissing && (how & OPEN.create) !== 0) throw new WasiError(ERRNO.rofs);
    throw error;
  }
}

/** @throws {WasiError} ENAMETOOLONG, EILSEQ for bytes that are not UTF-8, EINVAL for a NUL */
function readPath({ memory, control }: FileContext, pointer: number, length: number): string {
  if (length >>> 0 > PATH_BYTES) throw new WasiError(ERRNO.nametoolong);
  const bytes = memory.bytes(pointer, length >>> 0);
  control.charge(bytes.byteLength * HOST_COSTS.pathByte);
  const path = decodeStrictly(bytes);
  if (path === undefined) throw new WasiError(ERRNO.ilseq);
  if (path.includes("\0")) throw new WasiError(ERRNO.inval);
  return path;
}
