import { chmod, mkdir, rename, writeFile } from "node:fs/promises";
import path from "node:path";

/** Writes a file that its owner alone can read; whoever reads it meanwhile has the old content or the new. */
export async function writePrivate(file: string, content: string): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  const part = `${file}.part`;
  await writeFile(part, content, { mode: 0o600 });
  await chmod(part, 0o600); // where an earlier write has left it with another mode
  await rename(part, file);
}
