import type { PackageFile } from "../../../../sdk/contract/package-files.ts";
import { ERRNO, WasiError } from "./errno.ts";

/** A package's files as a program sees them: read-only, without links, times or owners. Shared by all calls. */

export interface FileNode {
  readonly kind: "file";
  readonly inode: bigint;
  readonly bytes: Uint8Array;
}

export interface FolderNode {
  readonly kind: "folder";
  readonly inode: bigint;
  readonly parent: FolderNode | undefined;
  readonly entries: Map<string, TreeNode>;
  /** The same in order, for listing. */
  readonly names: string[];
}

export type TreeNode = FileNode | FolderNode;

/** @param files  in the order in which folders list them; no path is both a file and a folder */
export function buildTree(files: readonly PackageFile[]): FolderNode {
  let inode = 1n;
  const folder = (parent: FolderNode | undefined): FolderNode => {
    return { kind: "folder", inode: inode++, parent, entries: new Map(), names: [] };
  };
  const add = <Node extends TreeNode>(to: FolderNode, name: string, node: Node): Node => {
    to.entries.set(name, node);
    to.names.push(name);
    return node;
  };
  const root = folder(undefined);
  for (const { path, bytes } of files) {
    const names = path.split("/");
    const last = names.pop() ?? "";
    let at = root;
    for (const name of names) {
      const known = at.entries.get(name);
      at = known?.kind === "folder" ? known : add(at, name, folder(at));
    }
    add(at, last, { kind: "file", inode: inode++, bytes });
  }
  return root;
}

/**
 * Finds what a path names. A path never leads out of the folder it starts from.
 *
 * @param path  relative to the folder
 * @throws {WasiError} ENOENT, ENOTDIR; ENOTCAPABLE for an absolute path and for one that leads out
 */
export function resolvePath(start: FolderNode, path: string): TreeNode {
  if (path === "") throw new WasiError(ERRNO.noent);
  if (path.startsWith("/")) throw new WasiError(ERRNO.notcapable);
  let node: TreeNode = start;
  let depth = 0;
  for (const name of path.split("/")) {
    // An empty name is a repeated or trailing slash: what stands before it must be a folder.
    if (node.kind !== "folder") throw new WasiError(ERRNO.notdir);
    if (name === "" || name === ".") continue;
    depth += name === ".." ? -1 : 1;
    if (depth < 0) throw new WasiError(ERRNO.notcapable);
    const next: TreeNode | undefined = name === ".." ? node.parent : node.entries.get(name);
    if (next === undefined) throw new WasiError(ERRNO.noent);
    node = next;
  }
  return node;
}
