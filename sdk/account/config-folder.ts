import os from "node:os";
import path from "node:path";

/**
 * Where this program keeps what belongs to its user: `PATCHBAY_CONFIG`, else the folder that the system has for it (XDG Base Directory
 * Specification; `%APPDATA%` on Windows).
 */
export function configFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const own = environment["PATCHBAY_CONFIG"];
  if (own) return path.resolve(own);
  const base = process.platform === "win32" ? environment["APPDATA"] : environment["XDG_CONFIG_HOME"];
  return path.join(base || path.join(os.homedir(), ".config"), "patchbay");
}
