import { BuildError } from "./build-error.ts";

/** What the engine exports for the build (sdk/engine/source/engine.c). */
interface EngineExports {
  readonly memory: WebAssembly.Memory;
  _initialize(): void;
  build_alloc(bytes: number): number;
  build_text(): number;
  build_position(): number;
  build_description(): number;
  bytecode_start(): number;
  bytecode_size(): number;
  compile?(program: number, bytes: number): number;
  prepare(): void;
  load(program: number, bytes: number): number;
  seal(): void;
  slot_count(): number;
  slot_name(slot: number): number;
  slot_module(slot: number): number;
  slot_parameters(slot: number): number;
  slot_results(slot: number): number;
}

/** A function of the host that the plugin declared: parameters and results are i64. */
export interface HostFunction {
  readonly module: string;
  readonly name: string;
  readonly parameters: number;
  readonly results: number;
}

/** Module name of the imports that stand for declared host functions (sdk/engine/source/slots.c). */
export const SLOT_MODULE = "patchbay:slot";
const SUCCESS = 0;
const decoder = new TextDecoder();

/** One instance of the engine, in which code runs as the plugin is built: without a clock, randomness or a host. */
export class EngineInstance {
  readonly #engine: EngineExports;
  #running = false;

  constructor(module: WebAssembly.Module) {
    const imports: Record<string, Record<string, WebAssembly.ImportValue>> = {};
    for (const entry of WebAssembly.Module.imports(module)) {
      (imports[entry.module] ??= {})[entry.name] = (...given: number[]) =>
        this.#answer(entry.module, entry.name, given);
    }
    // The engine is ours: its exports are those of its source.
    this.#engine = new WebAssembly.Instance(module, imports).exports as unknown as EngineExports;
    this.#engine._initialize(); // oxlint-disable-line no-underscore-dangle -- WASI names it so
  }

  get memory(): Uint8Array {
    return new Uint8Array(this.#engine.memory.buffer);
  }

  /**
   * @returns bytecode of the program
   * @throws {BuildError} where it is not JavaScript
   */
  compile(program: string): Uint8Array {
    const source = new TextEncoder().encode(`${program}\0`);
    const start = this.#place(source);
    if (this.#engine.compile?.(start, source.length - 1) !== SUCCESS) {
      throw new BuildError("The plugin does not compile", this.#text(this.#engine.build_text()));
    }
    const from = this.#engine.bytecode_start();
    return this.memory.slice(from, from + this.#engine.bytecode_size());
  }

  /**
   * Runs a program, and what it has put off.
   *
   * @returns names of the functions it offers
   * @throws {BuildError} where it fails, or needs what there is only in a call
   */
  load(bytecode: Uint8Array): string[] {
    this.#engine.prepare();
    const start = this.#place(bytecode);
    this.#running = true;
    const count = this.#engine.load(start, bytecode.length);
    this.#running = false;
    const said = this.#text(this.#engine.build_text());
    if (count < 0) throw new BuildError("The plugin failed while it was loaded", said);
    return said.split("\n").filter((name) => name !== "");
  }

  seal(): void {
    this.#engine.seal();
  }

  /** What the program gave to `patchbayHost.describe`, empty where it gave nothing. */
  get description(): string {
    return this.#text(this.#engine.build_description());
  }

  get hostFunctions(): HostFunction[] {
    return Array.from({ length: this.#engine.slot_count() }, (_, slot) => ({
      module: this.#text(this.#engine.slot_module(slot)),
      name: this.#text(this.#engine.slot_name(slot)),
      parameters: this.#engine.slot_parameters(slot),
      results: this.#engine.slot_results(slot),
    }));
  }

  #nameOf(module: string, name: string): string {
    const declared = module === SLOT_MODULE ? this.hostFunctions[Number(name)] : undefined;
    return declared ? `${declared.module} ${declared.name}` : `${module} ${name}`;
  }

  #place(bytes: Uint8Array): number {
    const start = this.#engine.build_alloc(bytes.length);
    this.memory.set(bytes, start);
    return start;
  }

  #text(start: number): string {
    if (start === 0) return "";
    const { memory } = this;
    return decoder.decode(memory.subarray(start, memory.indexOf(0, start)));
  }

  /** The engine itself asks for the time when it starts, which is 0 in every build; the plugin's code may not ask. */
  #answer(module: string, name: string, given: readonly number[]): number | bigint {
    if (BLOCK_FUNCTIONS.has(name)) return 0n;
    if (this.#running) {
      const refused = REFUSED[name] ?? `The host function ${this.#nameOf(module, name)}`;
      throw new BuildError(
        `${refused} is not available while the plugin is built: move its use into a function`,
        this.#text(this.#engine.build_position()).replace(/^[^\n]*/, ""),
      );
    }
    if (name === "clock_time_get") new DataView(this.#engine.memory.buffer).setBigUint64(given[2] ?? 0, 0n, true);
    return SUCCESS;
  }
}

/** What is put into a block goes nowhere: the function that it is for is refused. */
const BLOCK_FUNCTIONS = new Set(["alloc", "free", "store_u8", "store_u64"]);
const REFUSED: Readonly<Record<string, string>> = {
  clock_time_get: "The time",
  random_get: "Randomness",
  config_get: "The configuration",
  input_length: "The input",
  output_set: "The output",
};
