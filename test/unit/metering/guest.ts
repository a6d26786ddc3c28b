import v8 from "node:v8";
import {
  classifyFuel,
  METERING_EXPORTS,
  METERING_IMPORTS,
  type FuelState,
} from "../../../sdk/contract/metering-abi.ts";
import { rewriteModule, type MeteringPolicy, type RewriteReport } from "../../../worker/execution/metering/rewrite.ts";
import { wat } from "./wat.ts";

// Released in the V8 of the platform, still behind a flag in this one.
v8.setFlagsFromString("--experimental-wasm-exnref");

export const POLICY: MeteringPolicy = { memoryPages: 16, tableElements: 100, callDepth: 200 };
export const PLENTY = 10n ** 15n;

export type Exports = Record<string, (...values: unknown[]) => unknown>;
export type Imports = Record<string, Record<string, unknown>>;

export interface CallOutcome {
  readonly value?: unknown;
  /** Message of what the call threw. */
  readonly error?: string;
  readonly state: FuelState;
  /** Units taken; meaningless where the state is `poisoned`. */
  readonly used: bigint;
}

export function joined(chunks: Iterable<Uint8Array>): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.concat([...chunks]));
}

function instantiate(bytes: Uint8Array<ArrayBuffer>, imports: Imports): WebAssembly.Exports {
  // The imports of a test are what its module asks for; the type of the API cannot know that.
  return new WebAssembly.Instance(new WebAssembly.Module(bytes), imports as WebAssembly.Imports).exports;
}

/** The module as it was written. */
export function original(source: string, imports: Imports = {}): Exports {
  return instantiate(Uint8Array.from(wat(source)), imports) as Exports;
}

/** Counters for the modules of one package. */
export function sharedCounters(sparePages = 0): Record<string, WebAssembly.Global> {
  const counters = METERING_IMPORTS.counters.map(({ name, type }) => {
    return [name, new WebAssembly.Global({ value: type, mutable: true }, type === "i64" ? 0n : 0)] as const;
  });
  const made = Object.fromEntries(counters);
  const pages = made["spare_pages"];
  if (pages) pages.value = sparePages;
  return made;
}

/** A rewritten module with its host. */
export class Guest {
  readonly report: RewriteReport;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly exports: WebAssembly.Exports;
  readonly fuel: WebAssembly.Global;
  readonly depth: WebAssembly.Global;

  constructor(source: string | Uint8Array, imports: Imports = {}, policy: Partial<MeteringPolicy> = {}) {
    const input = typeof source === "string" ? wat(source) : source;
    const { report, chunks } = rewriteModule(input, { ...POLICY, ...policy });
    this.report = report;
    this.bytes = joined(chunks);
    const shared = policy.sharedCounters ? { [METERING_IMPORTS.module]: sharedCounters(POLICY.memoryPages) } : {};
    this.exports = instantiate(this.bytes, { ...shared, ...imports });
    this.fuel = this.exports[METERING_EXPORTS.fuel] as WebAssembly.Global;
    this.depth = this.exports[METERING_EXPORTS.depth] as WebAssembly.Global;
  }

  /** Calls an export with a budget. */
  call(name: string, values: readonly unknown[] = [], fuel = PLENTY, depth = POLICY.callDepth): CallOutcome {
    this.fuel.value = fuel;
    this.depth.value = depth;
    let outcome: { value?: unknown; error?: string };
    try {
      outcome = { value: (this.exports as Exports)[name]?.(...values) };
    } catch (error) {
      outcome = { error: error instanceof Error ? error.message : "exception" };
    }
    const left = this.fuel.value as bigint;
    return { ...outcome, state: classifyFuel(left, this.depth.value as number), used: fuel - left };
  }
}
