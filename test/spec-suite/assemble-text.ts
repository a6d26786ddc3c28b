/** Text format to binary: by wasm-tools where it is given, which knows the newest proposals, and by wabt. */
import { wat } from "../unit/metering/wat.ts";
import { NotRun } from "./script-host.ts";

export type Assemble = (text: string) => Uint8Array;

/**
 * @param wasmTools  module of the npm package "@bytecodealliance/jco-transpile" that exports wasm-tools, or null
 */
export async function assembler(wasmTools: string | null): Promise<Assemble> {
  if (wasmTools === null) return firstThatAssembles([wat]);
  // The package's own types do not say what its inner module exports.
  const loaded = (await import(wasmTools)) as { $init?: Promise<void>; tools: { parse(text: string): Uint8Array } };
  await loaded.$init;
  // Only wabt still knows the legacy form of exceptions.
  return firstThatAssembles([(text) => loaded.tools.parse(text), wat]);
}

/** A text that is not assembled says nothing about the rewriter, which sees binaries only. */
function firstThatAssembles(assemblers: readonly Assemble[]): Assemble {
  return (text) => {
    let cause: unknown;
    for (const assemble of assemblers) {
      try {
        return assemble(text);
      } catch (error) {
        cause = error;
      }
    }
    throw new NotRun("its text is not assembled", { cause });
  };
}
