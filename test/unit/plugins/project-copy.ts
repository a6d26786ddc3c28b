import { cp, mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { ROOT } from "./built-plugin.ts";

/** A project root of its own with one plugin, the binding and the toolchain, so that a build changes nothing else. */
export class ProjectCopy implements AsyncDisposable {
  readonly root: string;

  private constructor(root: string) {
    this.root = root;
  }

  /** @param plugin folder of the plugin to copy, relative to the real root */
  static async with(plugin: string): Promise<ProjectCopy> {
    const root = await mkdtemp(path.join(tmpdir(), "plugin-build-"));
    await mkdir(path.join(root, "wasm-plugins"));
    await cp(path.join(ROOT, plugin), path.join(root, "wasm-plugins/example"), { recursive: true });
    await cp(path.join(ROOT, "sdk/bindings"), path.join(root, "sdk/bindings"), { recursive: true });
    await symlink(path.join(ROOT, "node_modules"), path.join(root, "node_modules"));
    return new ProjectCopy(root);
  }

  file(name: string): string {
    return path.join(this.root, name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.root, { recursive: true });
  }
}
