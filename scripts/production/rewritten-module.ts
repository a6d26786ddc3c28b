import { WASM_PAGE_BYTES, type Limits } from "../../sdk/contract/limits.ts";
import { rewriteModule } from "../../worker/execution/metering/rewrite.ts";

/**
 * A module as it runs: metered as an upload does it (worker/control/packages/actions/examine.ts).
 *
 * @param profiled  true: in the form that tells where its fuel goes
 */
export function rewrittenModule(
  module: Uint8Array,
  { memory, tableEntries, callDepth }: Limits,
  profiled = false,
): Uint8Array<ArrayBuffer> {
  const { size, chunks } = rewriteModule(module, {
    memoryPages: Math.floor(memory / WASM_PAGE_BYTES),
    tableElements: tableEntries,
    callDepth,
    keepNames: true,
    hideTables: true,
    ...(profiled ? { profile: { firstFunction: 0 } } : {}),
  });
  const joined = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    joined.set(chunk, at);
    at += chunk.byteLength;
  }
  return joined;
}
