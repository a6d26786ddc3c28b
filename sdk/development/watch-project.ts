import { readdirSync, watch, type FSWatcher } from "node:fs";
import path from "node:path";

/** Editors write a file in several steps; one build is for all of them. */
const QUIET_MS = 25;
/** What a build writes, and what is no source of the plugin. */
const LEFT_OUT = new Set(["node_modules", "dist"]);
const PASSING_FILE = /(~|\.swp|\.tmp|\.part)$/;

/**
 * Tells of changes in a folder, once it is quiet again. Folders of packages are not looked into: they may hold tens of thousands of
 * files, each of which some systems watch one by one.
 *
 * @returns ends the watching
 */
export function watchProject(folder: string, changed: () => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  const watchers = new Map<string, FSWatcher>();
  const noted = (name: string | null): void => {
    if (name === null || PASSING_FILE.test(name)) return;
    clearTimeout(timer);
    timer = setTimeout(changed, QUIET_MS);
  };
  const watchFolders = (): void => {
    for (const name of sourceFolders(folder).filter((found) => !watchers.has(found))) {
      watchers.set(
        name,
        watch(path.join(folder, name), { recursive: true }, (_event, file) => noted(file)),
      );
    }
  };
  const top = watch(folder, (_event, name) => {
    if (name === null || LEFT_OUT.has(name) || name.startsWith(".")) return;
    watchFolders(); // it may be a new folder
    noted(name);
  });
  watchFolders();
  return () => {
    clearTimeout(timer);
    for (const watcher of [top, ...watchers.values()]) watcher.close();
  };
}

function sourceFolders(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !LEFT_OUT.has(entry.name) && !entry.name.startsWith("."))
    .map(({ name }) => name);
}
