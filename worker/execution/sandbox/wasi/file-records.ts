import { encodeText } from "../text.ts";
import type { FolderNode, TreeNode } from "./file-tree.ts";

/** Records of WASI preview 1 about files (`phases/snapshot/docs.md`), little endian. */

export const FILESTAT_BYTES = 64;
export const FDSTAT_BYTES = 24;
const DIRENT_BYTES = 24;
const FILE_TYPES = { folder: 3, file: 4 } as const;

const RIGHTS = {
  read: 1n << 1n,
  seek: 1n << 2n,
  tell: 1n << 5n,
  write: 1n << 6n,
  advise: 1n << 7n,
  pathOpen: 1n << 13n,
  readdir: 1n << 14n,
  pathFilestat: 1n << 18n,
  filestat: 1n << 21n,
} as const;
export const RIGHT_WRITE = RIGHTS.write;
const OF_FILES = RIGHTS.read | RIGHTS.seek | RIGHTS.tell | RIGHTS.advise | RIGHTS.filestat;
const OF_FOLDERS = RIGHTS.pathOpen | RIGHTS.readdir | RIGHTS.pathFilestat | RIGHTS.filestat;

export function writeFilestat(view: DataView, node: TreeNode): void {
  for (let at = 0; at < FILESTAT_BYTES; at += 8) view.setBigUint64(at, 0n, true);
  view.setBigUint64(8, node.inode, true);
  view.setUint8(16, FILE_TYPES[node.kind]);
  view.setBigUint64(24, 1n, true);
  view.setBigUint64(32, BigInt(node.kind === "file" ? node.bytes.byteLength : 0), true);
}

export function writeFdstat(view: DataView, { kind }: TreeNode): void {
  view.setBigUint64(0, 0n, true);
  view.setUint8(0, FILE_TYPES[kind]);
  view.setBigUint64(8, kind === "file" ? OF_FILES : OF_FOLDERS, true);
  // Writing may be asked for: the answer is then EROFS, where C libraries would otherwise drop the wish in silence.
  view.setBigUint64(16, kind === "file" ? 0n : OF_FILES | OF_FOLDERS | RIGHTS.write, true);
}

/** An entry of a folder's listing; undefined behind the last. Positions 0 and 1 are the folder itself and its parent. */
export function directoryEntry(folder: FolderNode, position: number): Uint8Array | undefined {
  const listed = listedAt(folder, position);
  if (listed === undefined) return undefined;
  const name = encodeText(listed.name);
  const entry = new Uint8Array(DIRENT_BYTES + name.byteLength);
  const view = new DataView(entry.buffer);
  view.setBigUint64(0, BigInt(position + 1), true);
  view.setBigUint64(8, listed.node.inode, true);
  view.setUint32(16, name.byteLength, true);
  view.setUint8(20, FILE_TYPES[listed.node.kind]);
  entry.set(name, DIRENT_BYTES);
  return entry;
}

function listedAt(folder: FolderNode, position: number): { name: string; node: TreeNode } | undefined {
  if (position === 0) return { name: ".", node: folder };
  if (position === 1) return { name: "..", node: folder.parent ?? folder };
  const name = folder.names[position - 2];
  const node = name === undefined ? undefined : folder.entries.get(name);
  return name === undefined || node === undefined ? undefined : { name, node };
}
