/** Text format to binary, by the first of several assemblers that knows what is in a text. */
import { wat } from "../unit/metering/wat.ts";
import { NotRun } from "./script-host.ts";

export type Assemble = (text: string) => Uint8Array;

/**
 * @param wasmTools  module of the npm package "@bytecodealliance/jco-transpile" that exports wasm-tools, or null
 */
export async function assembler(wasmTools: string | null): Promise<Assemble> {
  if (wasmTools === null) return firstThatAssembles([wat, await binaryenAssembler()]);
  // The package's own types do not say what its inner module exports.
  const loaded = (await import(wasmTools)) as { $init?: Promise<void>; tools: { parse(text: string): Uint8Array } };
  await loaded.$init;
  // Only wabt still knows the legacy form of exceptions.
  return firstThatAssembles([(text) => loaded.tools.parse(text), wat]);
}

/** Binaryen reads what it writes, so it serves only for what wabt does not know at all: references with a type. */
async function binaryenAssembler(): Promise<Assemble> {
  const { default: binaryen } = await import("binaryen");
  return (text) => {
    if (!/\(ref |call_ref|br_on_n/.test(text)) throw new SyntaxError("wabt has the say");
    const module = binaryen.parseText(text);
    try {
      module.setFeatures(binaryen.Features.All);
      return module.emitBinary();
    } finally {
      module.dispose();
    }
  };
}

/** A text that is not assembled says nothing about the rewriter, which sees binaries only. */
function firstThatAssembles(assemblers: readonly Assemble[]): Assemble {
  const known = new Map<string, Uint8Array | null>();
  return (text) => {
    let bytes = known.get(text);
    if (bytes === undefined) {
      bytes = assembled(assemblers, text);
      known.set(text, bytes);
    }
    if (bytes === null) throw new NotRun("its text is not assembled");
    return bytes;
  };
}

function assembled(assemblers: readonly Assemble[], text: string): Uint8Array | null {
  for (const assemble of assemblers) {
    try {
      return assemble(text);
    } catch {
      // The next one may know it.
    }
  }
  return null;
}
