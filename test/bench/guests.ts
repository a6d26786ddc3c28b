import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { DEFAULT_LIMITS, WASM_PAGE_BYTES } from "../../sdk/contract/limits.ts";
import { rewriteModule } from "../../worker/execution/metering/rewrite.ts";

/** Guests as the platform would run them. */
export function rewritten(source: Uint8Array): Uint8Array {
  const module = rewriteModule(source, {
    memoryPages: DEFAULT_LIMITS.memory / WASM_PAGE_BYTES,
    tableElements: DEFAULT_LIMITS.tableEntries,
    callDepth: DEFAULT_LIMITS.callDepth,
  });
  return Buffer.concat([...module.chunks]);
}

/** What the bench workers import from dist/bench. */
export async function writeGuests(root: string, guests: ReadonlyMap<string, Uint8Array>): Promise<void> {
  const folder = path.join(root, "dist/bench");
  await mkdir(folder, { recursive: true });
  for (const name of ["echo", "greet", "noop", "suspend"]) {
    const source = guests.get(name);
    if (!source) throw new Error(`no guest ${name}`);
    await writeFile(path.join(folder, `${name}.wasm`), rewritten(source));
  }
  await writeFile(path.join(folder, "plugin.bin"), rewritten(guests.get("echo") ?? new Uint8Array()));
}
