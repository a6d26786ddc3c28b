/** What a script of the official WebAssembly test suite runs against: the modules as they are, or rewritten. */
import v8 from "node:v8";
import { METERING_EXPORTS, METERING_IMPORTS } from "../../sdk/contract/metering-abi.ts";
import { inspectModule } from "../../worker/execution/metering/inspect.ts";
import { WasmRefusal } from "../../worker/execution/metering/rewrite.ts";
import { isNumeric, NumericCaller, NumericValue, type NumericType } from "./numeric-call.ts";

// Released in the V8 of the platform, still behind a flag in this one.
v8.setFlagsFromString("--experimental-wasm-exnref");

const PLENTY = 2n ** 60n;
export const CALL_DEPTH = 10_240;
/** More than all memories of a script grow by. */
const SPARE_PAGES = 2 ** 24;

export type Exports = Record<string, unknown>;
export type Load = (bytes: Uint8Array) => Uint8Array<ArrayBuffer>;

/** A command needs a module that was refused for a feature, so it has no outcome to compare. */
export class Refused extends Error {
  readonly feature: string;

  constructor(feature: string) {
    super(`refused: ${feature}`);
    this.feature = feature;
  }
}

/** A command that this runner cannot carry out. */
export class NotRun extends Error {}

/** Stands in for the exports of an instance that is not there. */
export interface Missing {
  readonly missing: Error;
}

/** A compiled module with the types of its exported functions, `(i32, f64) -> i32`. */
export interface CompiledModule {
  readonly module: WebAssembly.Module;
  readonly types: ReadonlyMap<string, string>;
}

export class ScriptHost {
  readonly #load: Load;
  readonly #registry = new Map<string, Exports | Missing>();
  readonly #references = new Map<string, HostReference>();
  readonly #callers = new WeakMap<object, NumericCaller>();
  readonly #types = new WeakMap<object, string>();
  readonly #meters: { readonly fuel: WebAssembly.Global; readonly depth: WebAssembly.Global }[] = [];

  constructor(load: Load) {
    this.#load = load;
    this.#registry.set(
      "spectest",
      spectest((name) => this.reference(name)),
    );
    this.#registry.set(METERING_IMPORTS.module, this.#counters());
  }

  /** Counters that modules in the shared form import. */
  #counters(): Exports {
    const names = METERING_IMPORTS.counters.map(({ name, type }) => {
      const global = new WebAssembly.Global({ value: type, mutable: true }, type === "i64" ? 0n : 0);
      if (name === "spare_pages") global.value = SPARE_PAGES;
      return [name, global] as const;
    });
    return Object.fromEntries(names);
  }

  /** The same object for the same name. */
  reference(name: string | number): HostReference {
    const key = String(name);
    const reference = this.#references.get(key) ?? new HostReference(key);
    this.#references.set(key, reference);
    return reference;
  }

  register(name: string, exports: Exports | Missing): void {
    this.#registry.set(name, exports);
  }

  /** Throws as the runtime does, {@link Refused} where the rewriter does not run a feature. */
  compile(bytes: Uint8Array): CompiledModule {
    try {
      const module = new WebAssembly.Module(this.#load(bytes));
      return { module, types: functionTypes(bytes) };
    } catch (error) {
      if (!(error instanceof WasmRefusal)) throw error;
      // What the runtime would not take either is not refused for its feature.
      if (error.code === "WASM_MALFORMED" || !WebAssembly.validate(Uint8Array.from(bytes))) {
        throw new WebAssembly.CompileError(error.message);
      }
      throw new Refused(error.feature ?? error.message.replace(/ \(at byte \d+\)$/, ""));
    }
  }

  /** @param given  modules to import from, in front of those registered */
  instantiate({ module, types }: CompiledModule, given: Readonly<Record<string, Exports>> = {}): Exports {
    this.refuel();
    const imports: Record<string, Exports> = {};
    for (const { module: from, name } of WebAssembly.Module.imports(module)) {
      const source = given[from] ?? this.#registry.get(from) ?? {};
      if (isMissing(source)) throw source.missing;
      (imports[from] ??= {})[name] = source[name];
    }
    const { exports } = new WebAssembly.Instance(module, imports as WebAssembly.Imports);
    const { [METERING_EXPORTS.fuel]: fuel, [METERING_EXPORTS.depth]: depth, [METERING_EXPORTS.start]: start } = exports;
    if (fuel instanceof WebAssembly.Global && depth instanceof WebAssembly.Global) this.#meters.push({ fuel, depth });
    for (const [name, type] of types) {
      const value = exports[name];
      if (typeof value === "function") this.#types.set(value, type);
    }
    this.refuel();
    if (typeof start === "function") start();
    return exports;
  }

  /** Before each call from outside. */
  refuel(): void {
    for (const { fuel, depth } of this.#meters) {
      fuel.value = PLENTY;
      depth.value = CALL_DEPTH;
    }
  }

  /** Calls with JavaScript's values. */
  call(exports: Exports, name: string, values: readonly unknown[]): unknown {
    const callee = functionIn(exports, name);
    this.refuel();
    return callee(...values.map((value) => (value instanceof NumericValue ? value.value : value)));
  }

  /** Calls without loss where all operands and results are numbers or vectors. @returns the results as text */
  invoke(exports: Exports, name: string, values: readonly unknown[]): string {
    const caller = this.#callerOf(functionIn(exports, name));
    if (caller === null) return shown(this.call(exports, name, values));
    this.refuel();
    return caller.call(values.map(numericValue));
  }

  #callerOf(callee: Callable): NumericCaller | null {
    const known = this.#callers.get(callee);
    if (known !== undefined) return known;
    const [parameters, results] = (this.#types.get(callee) ?? "(unknown) -> ()").split(" -> ").map(typesIn);
    if (!parameters || !results) return null;
    const caller = new NumericCaller(callee, parameters, results);
    this.#callers.set(callee, caller);
    return caller;
  }

  /** What came of a command, as text that is the same on both sides where the behaviour is. */
  outcomeOf(command: () => string): string {
    try {
      return command();
    } catch (error) {
      return this.#failure(error);
    }
  }

  #failure(error: unknown): string {
    if (error instanceof Refused) return error.message;
    if (error instanceof NotRun) return `not run: ${error.message}`;
    if (error instanceof WebAssembly.CompileError) return "invalid";
    if (error instanceof WebAssembly.LinkError) return "unlinkable";
    const refusedDepth = this.#meters.some(({ depth }) => depth.value === -1);
    if (error instanceof RangeError || refusedDepth) return "exhaustion";
    if (error instanceof WebAssembly.RuntimeError) return `trap: ${error.message}`;
    if (error instanceof TypeError && error.message.includes("mport")) return "unlinkable";
    return error instanceof Error ? `${error.name}: ${error.message}` : "exception";
  }
}

type Callable = (...values: readonly unknown[]) => unknown;

function functionIn(exports: Exports, name: string): Callable {
  const callee = exports[name];
  if (typeof callee !== "function") throw new NotRun(`${name} is not a function`);
  return callee as Callable;
}

/** The types in `(i32, f64)` or `i32`, or null where one is not of a number or vector. */
function typesIn(text: string): readonly NumericType[] | null {
  const types = text.replaceAll(/[()]/g, "").split(", ").filter(Boolean);
  return types.every(isNumeric) ? types : null;
}

function numericValue(value: unknown): NumericValue {
  if (value instanceof NumericValue) return value;
  if (typeof value === "bigint") return NumericValue.of("i64", value);
  if (typeof value === "number") return NumericValue.of("i32", value);
  throw new NotRun("an operand that is no number");
}

/** None where the module is not read to its end, which is said by whoever rewrites it. */
function functionTypes(bytes: Uint8Array): Map<string, string> {
  try {
    const { exports } = inspectModule(bytes);
    return new Map(exports.flatMap(({ name, type }) => (type === undefined ? [] : [[name, type]])));
  } catch (error) {
    if (error instanceof WasmRefusal) return new Map();
    throw error;
  }
}

export function isMissing(exports: Exports | Missing): exports is Missing {
  return "missing" in exports && exports["missing"] instanceof Error;
}

/** The module that every script may import from; see the suite's own harness. */
function spectest(reference: (name: string) => HostReference): Exports {
  const nothing = (): void => {};
  const print = ["print", "print_i32", "print_i64", "print_f32", "print_f64", "print_i32_f32", "print_f64_f64"];
  return {
    ...Object.fromEntries(print.map((name) => [name, nothing])),
    global_i32: new WebAssembly.Global({ value: "i32" }, 666),
    global_i64: new WebAssembly.Global({ value: "i64" }, 666n),
    global_f32: new WebAssembly.Global({ value: "f32" }, 666.6),
    global_f64: new WebAssembly.Global({ value: "f64" }, 666.6),
    table: new WebAssembly.Table({ initial: 10, maximum: 20, element: "anyfunc" }),
    memory: new WebAssembly.Memory({ initial: 1, maximum: 2 }),
    externref: (value: unknown) => reference(String(value)),
    is_externref: (value: unknown) => Number(value instanceof HostReference),
    is_funcref: (value: unknown) => Number(typeof value === "function"),
    eq_externref: (left: unknown, right: unknown) => Number(left === right),
    eq_funcref: (left: unknown, right: unknown) => Number(left === right),
  };
}

/** A value as text; the sign of zero counts, the bits of a NaN do not cross the border. */
export function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return `[${value.map(shown).join()}]`;
  if (Object.is(value, -0)) return "-0";
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "number" || value === null) return String(value);
  if (value instanceof HostReference) return `object ${value.name}`;
  return typeof value;
}

/** An object of the host that guests pass around. */
export class HostReference {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}
