/** Runs a script in the form that Firefox's engine keeps: JavaScript, with modules in the text format and values with types. */
import vm from "node:vm";
import type { Assemble } from "./assemble-text.ts";
import { isNumeric, NumericValue } from "./numeric-call.ts";
import { isMissing, NotRun, shown, type Exports, type Missing, type ScriptHost } from "./script-host.ts";

type Instance = Exports | Missing;
type Action = () => unknown;

/** Lines of outcomes, one for each command. */
export function runTextScript(source: string, host: ScriptHost, assemble: Assemble): string[] {
  const commands = new TextCommands(host, assemble);
  const names = Object.keys(commands.functions);
  vm.compileFunction(source, names)(...Object.values(commands.functions));
  return commands.outcomes;
}

class TextCommands {
  readonly outcomes: string[] = [];
  readonly #host: ScriptHost;
  readonly #assemble: Assemble;
  readonly #registered = new Map<string, Instance>();
  /** Inside the action of an assertion, which has the outcome. */
  #inside = false;

  constructor(host: ScriptHost, assemble: Assemble) {
    this.#host = host;
    this.#assemble = assemble;
  }

  /** The names are those of the engine's harness. */
  readonly functions = {
    instantiate: (text: string): Instance => this.#instantiate(text),
    invoke: (instance: Instance | string, name: string, values: readonly unknown[]) =>
      this.#perform("invoke", () => this.#host.invoke(this.#present(instance), name, values)),
    get: (instance: Instance | string, name: string) => shown(valueOf(this.#present(instance)[name])),
    register: (instance: Instance | string, name: string) => {
      const exports = typeof instance === "string" ? this.#registered.get(instance) : instance;
      this.#registered.set(name, exports ?? NOT_THERE);
      this.#host.register(name, exports ?? NOT_THERE);
    },
    ...this.#assertions(),
    ...VALUES,
    externref: (name: number) => this.#host.reference(name),
    hostref: () => {
      throw new NotRun("an anyref of the host");
    },
    // Some scripts ask what the engine has, or how it does, before they go on.
    wasmGcEnabled: () => true,
    wasmMultiMemoryEnabled: () => true,
    partialOobWriteMayWritePartialData: () => false,
  };

  #assertions(): Record<string, (action: Action) => void> {
    const names = ["return", "trap", "exhaustion", "exception", "invalid", "malformed", "unlinkable"];
    return Object.fromEntries(
      names.map((name) => [`assert_${name}`, (action: Action) => void this.#perform(`assert_${name}`, action)]),
    );
  }

  #instantiate(text: string): Instance {
    const create = (): Exports => this.#host.instantiate(this.#host.compile(this.#assemble(text)));
    if (this.#inside) return create();
    let instance: Instance = NOT_THERE;
    this.#perform("instantiate", () => {
      try {
        instance = create();
        return "instance";
      } catch (error) {
        if (error instanceof Error) instance = { missing: error };
        throw error;
      }
    });
    return instance;
  }

  #present(instance: Instance | string): Exports {
    const exports = typeof instance === "string" ? (this.#registered.get(instance) ?? NOT_THERE) : instance;
    if (isMissing(exports)) throw exports.missing;
    return exports;
  }

  /** An action inside another is part of it. */
  #perform(command: string, action: Action): unknown {
    if (this.#inside) return action();
    this.#inside = true;
    const outcome = this.#host.outcomeOf(() => {
      const result = action();
      return typeof result === "string" ? result : "done";
    });
    this.#inside = false;
    this.outcomes.push(`${command}: ${outcome}`);
    return undefined;
  }
}

const NOT_THERE: Missing = { missing: new NotRun("its module is not there") };

function valueOf(item: unknown): unknown {
  return item instanceof WebAssembly.Global ? item.value : item;
}

function vector(view: ArrayBufferView): NumericValue {
  return new NumericValue("v128", new Uint8Array(view.buffer));
}

/** A result that is expected. The runtime is the measure here, so it is not looked at. */
class Expectation {
  readonly given: readonly unknown[];

  constructor(...given: readonly unknown[]) {
    this.given = given;
  }
}

const VALUES = {
  value: (type: string, value: number | bigint | null) =>
    isNumeric(type) && value !== null ? NumericValue.of(type, value) : new Expectation(),
  bytes: (type: string, given: readonly number[]) =>
    isNumeric(type) ? new NumericValue(type, Uint8Array.from(given)) : new Expectation(),
  i8x16: (lanes: readonly number[]) => vector(Uint8Array.from(lanes)),
  i16x8: (lanes: readonly number[]) => vector(Uint16Array.from(lanes)),
  i32x4: (lanes: readonly number[]) => vector(Uint32Array.from(lanes)),
  i64x2: (lanes: readonly bigint[]) => vector(BigUint64Array.from(lanes)),
  f32x4: (lanes: readonly number[]) => vector(Float32Array.from(lanes)),
  f64x2: (lanes: readonly number[]) => vector(Float64Array.from(lanes)),
  either: () => new Expectation(),
  F32x4Pattern: Expectation,
  F64x2Pattern: Expectation,
  RefWithType: Expectation,
  ExternRefResult: Expectation,
  HostRefResult: Expectation,
};
