import { createHash } from "node:crypto";
import {
  classifyFuel,
  METERING_EXPORTS,
  METERING_IMPORTS,
  type FuelState,
} from "../../../sdk/contract/metering-abi.ts";
import { inspectModule, type ExportReport } from "../../../worker/execution/metering/inspect.ts";
import { rewriteModule, type RewrittenModule } from "../../../worker/execution/metering/rewrite.ts";

export const CALL_DEPTH = 4_000;
const POLICY = { memoryPages: 65_536, tableElements: 10_000_000, callDepth: CALL_DEPTH };
const MOST_EXPORTS = 25;

export function joined({ chunks, size }: RewrittenModule): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  if (at !== size) throw new Error(`${at} bytes were written, ${size} were announced`);
  return bytes;
}

/** Rewrites a module; every fourth seed in the global form, every third with the counters of the host. */
export function metered(bytes: Uint8Array, seed: number, profile = false): Uint8Array<ArrayBuffer> {
  const form = seed % 4 === 0 ? { backend: "global" as const } : {};
  const profiled = profile ? { profile: { firstFunction: 0 } } : {};
  return joined(rewriteModule(bytes, { ...POLICY, ...form, ...profiled, sharedCounters: seed % 3 === 0 }));
}

/** What one run of all exports of a module did. */
export interface Run {
  /** Host calls and results of exports, in order. */
  readonly trace: string[];
  readonly memory: string;
  /** State of the meter after each export; empty for modules without a meter. */
  readonly states: FuelState[];
  readonly fuelLeft: bigint[];
  /** V8's stack or our depth ran out somewhere: what follows may differ. */
  readonly overflowed: boolean;
}

/** Looks on while exports are called. */
export interface Observer {
  before(exports: WebAssembly.Exports): void;
  after(state: FuelState, fuelLeft: bigint): void;
}

const NOBODY: Observer = { before() {}, after() {} };

/** Begins the last line of a run whose instance never came to be. */
const START_FAILED = "instantiate";

type Values = Record<string, WebAssembly.ExportValue>;
type Callable = (...values: unknown[]) => unknown;

/** The exports that imports need to call back into; filled once the instance is there. */
interface Guest {
  readonly trace: string[];
  readonly signatures: readonly ExportReport[];
  values: Values;
}

/**
 * Instantiates a module with traced imports and calls its exports with fixed arguments.
 * @param original  the module before rewriting, for the names and types of its exports
 * @param fuel      budget of each export
 * @param observer  told before and after each export
 * @returns null where the imports cannot be satisfied
 */
export function run(
  bytes: Uint8Array<ArrayBuffer>,
  original: Uint8Array,
  fuel: bigint,
  observer: Observer = NOBODY,
): Run | null {
  const report = inspectModule(original);
  const trace: string[] = [];
  const guest: Guest = { trace, signatures: report.exports, values: {} };
  const module = new WebAssembly.Module(bytes);
  const result = { trace, memory: "", states: [], fuelLeft: [], overflowed: false };
  try {
    guest.values = new WebAssembly.Instance(module, importsOf(module, guest)).exports;
  } catch (error) {
    if (error instanceof WebAssembly.LinkError || error instanceof TypeError) return null;
    trace.push(`${START_FAILED} throws ${text(error)}`);
    return result;
  }
  const overflowed = callExports(guest, report.start, fuel, result, observer);
  const started = !trace.some((line) => line.startsWith(START_FAILED));
  return { ...result, memory: started ? memoryDigest(guest.values) : "", overflowed };
}

function callExports(guest: Guest, hasStart: boolean, fuel: bigint, result: Run, observer: Observer): boolean {
  const fuelGlobal = guest.values[METERING_EXPORTS.fuel] as WebAssembly.Global | undefined;
  const depthGlobal = guest.values[METERING_EXPORTS.depth] as WebAssembly.Global | undefined;
  const names: string[] = hasStart ? [METERING_EXPORTS.start] : [];
  const callable = guest.signatures.filter(({ kind, type }) => kind === "function" && !type?.includes("v128"));
  names.push(...callable.map(({ name }) => name).slice(0, MOST_EXPORTS));
  let overflowed = false;
  for (const name of names) {
    const entry = guest.values[name];
    if (typeof entry !== "function") continue;
    if (fuelGlobal) fuelGlobal.value = fuel;
    if (depthGlobal) depthGlobal.value = CALL_DEPTH;
    observer.before(guest.values);
    const type = callable.find((candidate) => candidate.name === name)?.type;
    let line = attempt(entry as Callable, argumentsFor(type));
    overflowed ||= line.includes(OVERFLOW);
    if (fuelGlobal && depthGlobal) {
      const state = classifyFuel(fuelGlobal.value as bigint, depthGlobal.value as number);
      result.states.push(state);
      result.fuelLeft.push(fuelGlobal.value as bigint);
      observer.after(state, fuelGlobal.value as bigint);
      overflowed ||= state === "depth";
      if (state === "depth") line = `throws ${OVERFLOW}`;
    }
    if (name !== METERING_EXPORTS.start) guest.trace.push(`${name} = ${line}`);
    else if (line !== "undefined") {
      // The original failed while it was instantiated, and has no exports to call.
      guest.trace.push(`${START_FAILED} ${line}`);
      break;
    }
  }
  return overflowed;
}

function attempt(callee: Callable, values: unknown[], passes: (error: unknown) => boolean = () => false): string {
  try {
    return shown(callee(...values));
  } catch (error) {
    if (passes(error)) throw error;
    return `throws ${text(error)}`;
  }
}

/** No host may swallow a trap of its guest: the meter would stop the guest at its next instruction. */
function isTrap(error: unknown): boolean {
  return error instanceof WebAssembly.RuntimeError || error instanceof RangeError;
}

function argumentsFor(type = "() -> ()"): unknown[] {
  const parameters = type.slice(1, type.indexOf(")")).split(", ");
  return parameters.map((parameter, at) => {
    if (parameter === "i64") return BigInt(at * 77 + 5);
    if (parameter === "i32") return at * 13 + 3;
    return parameter === "f32" || parameter === "f64" ? at + 1.5 : null;
  });
}

function importsOf(module: WebAssembly.Module, guest: Guest): WebAssembly.Imports {
  const imports: WebAssembly.Imports = {};
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    const value = from === METERING_IMPORTS.module ? counter(name) : importValue(name, kind, guest);
    (imports[from] ??= {})[name] = value as WebAssembly.ImportValue;
  }
  return imports;
}

function counter(name: string): WebAssembly.Global {
  const type = METERING_IMPORTS.counters.find((known) => known.name === name)?.type ?? "i32";
  return new WebAssembly.Global({ value: type, mutable: true }, type === "i64" ? 0n : POLICY.memoryPages);
}

type TagConstructor = new (type: { parameters: string[] }) => unknown;

function importValue(name: string, kind: string, guest: Guest): unknown {
  if (kind === "memory") return new WebAssembly.Memory({ initial: 16, maximum: 100 });
  if (kind === "table") return new WebAssembly.Table({ initial: 10, element: "anyfunc" });
  if (kind === "tag") {
    const { Tag } = WebAssembly as unknown as { Tag: TagConstructor };
    return new Tag({ parameters: [name === "jstag" ? "externref" : "i32"] });
  }
  if (kind !== "function") return 0;
  return (...values: unknown[]) => {
    guest.trace.push(`${name}(${values.map(shown).join()})`);
    return hostCall(name, values, guest);
  };
}

/** What Binaryen's fuzzer expects of its imports, with calls back into the guest. */
function hostCall(name: string, values: unknown[], guest: Guest): unknown {
  const [first, second] = values;
  if (name === "throw") throw new Error("from the host");
  const table = Object.values(guest.values).find((value) => value instanceof WebAssembly.Table);
  if (name === "table-get") return table?.get(Number(first) >>> 0);
  if (name === "table-set") return table?.set(Number(first) >>> 0, second);
  const target = guest.signatures[Number(first) >>> 0];
  const exported = guest.values[target?.name ?? ""];
  if (name.startsWith("call-export") && typeof exported === "function") {
    return nested(name, exported as Callable, argumentsFor(target?.type), guest);
  }
  if (name.startsWith("call-ref") && typeof first === "function") {
    return nested(name, first as Callable, [0, 0, 0, 0], guest);
  }
  return 0;
}

/** A call from inside a host call; the `-catch` forms swallow an exception and tell the guest about it. */
function nested(name: string, callee: Callable, values: unknown[], guest: Guest): unknown {
  if (!name.endsWith("-catch")) return void callee(...values);
  const line = attempt(callee, values, isTrap);
  guest.trace.push(`nested ${line}`);
  return line.startsWith("throws") ? 1 : 0;
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(shown).join()}]`;
  if (Object.is(value, -0)) return "-0";
  if (typeof value === "number" || typeof value === "bigint" || value === null || value === undefined)
    return String(value);
  return typeof value;
}

const OVERFLOW = "stack overflow";

function text(error: unknown): string {
  if (error instanceof RangeError) return OVERFLOW;
  return error instanceof Error ? error.message : "an exception of the guest";
}

function memoryDigest(values: Values): string {
  const hash = createHash("sha256");
  for (const value of Object.values(values)) {
    if (value instanceof WebAssembly.Memory && value.buffer.byteLength < 2 ** 27) {
      hash.update(new Uint8Array(value.buffer));
    }
  }
  return hash.digest("hex");
}
