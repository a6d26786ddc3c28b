import { ERRNO, WasiError } from "./errno.ts";
import type { FileNode, FolderNode, TreeNode } from "./file-tree.ts";

/** The package's root folder, open from the start. Below it are the standard streams. */
export const ROOT_DESCRIPTOR = 3;
/** Most descriptors open at once, the root among them. */
export const MOST_OPEN = 64;

interface OpenFile {
  readonly node: TreeNode;
  /** Where the next read begins, in bytes. */
  position: number;
}

/** File descriptors of one module of an instance, from the root folder on. */
export class OpenFiles {
  readonly #open = new Map<number, OpenFile>();

  constructor(root: FolderNode) {
    this.#open.set(ROOT_DESCRIPTOR, { node: root, position: 0 });
  }

  has(descriptor: number): boolean {
    return this.#open.has(descriptor);
  }

  /**
   * @returns the lowest descriptor that is free
   * @throws {WasiError} EMFILE
   */
  open(node: TreeNode): number {
    for (let descriptor = ROOT_DESCRIPTOR; descriptor < ROOT_DESCRIPTOR + MOST_OPEN; descriptor++) {
      if (this.#open.has(descriptor)) continue;
      this.#open.set(descriptor, { node, position: 0 });
      return descriptor;
    }
    throw new WasiError(ERRNO.mfile);
  }

  close(descriptor: number): void {
    if (!this.#open.delete(descriptor)) throw new WasiError(ERRNO.badf);
  }

  node(descriptor: number): TreeNode {
    return this.#get(descriptor).node;
  }

  /** @throws {WasiError} EBADF, EISDIR */
  file(descriptor: number): OpenFile & { readonly node: FileNode } {
    const open = this.#get(descriptor);
    if (open.node.kind === "folder") throw new WasiError(ERRNO.isdir);
    return open as OpenFile & { readonly node: FileNode }; // just looked at
  }

  /** @throws {WasiError} EBADF, ENOTDIR */
  folder(descriptor: number): FolderNode {
    const { node } = this.#get(descriptor);
    if (node.kind !== "folder") throw new WasiError(ERRNO.notdir);
    return node;
  }

  #get(descriptor: number): OpenFile {
    const open = this.#open.get(descriptor);
    if (open === undefined) throw new WasiError(ERRNO.badf);
    return open;
  }
}
