import { readdir } from "node:fs/promises";
import path from "node:path";

/** What compilers make, and what is not the author's. */
const SKIPPED: ReadonlySet<string> = new Set(["dist", "node_modules", "target", "zig-cache", ".zig-cache", ".git"]);

/**
 * @param folder  absolute
 * @returns absolute paths of the sources of a project, in order
 */
export async function sourceFiles(folder: string, name: RegExp): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name);
    if (entry.isFile() && name.test(entry.name)) found.push(file);
    if (entry.isDirectory() && !SKIPPED.has(entry.name)) found.push(...(await sourceFiles(file, name)));
  }
  return found.sort();
}
