/**
 * An Extism host that checks ownership: every handle is a block of its own, and using or freeing one that is not alive
 * throws. It shows what a lenient host hides. Addresses are `number << 32 | offset`.
 */
export interface AbiCall {
  /** What the export returned. */
  readonly result: unknown;
  readonly output: string;
  readonly error: string | undefined;
  /** Message of the trap, if the export did not return. */
  readonly trap: string | undefined;
}

export class AbiHost {
  readonly logs: string[] = [];
  readonly variables = new Map<string, Uint8Array>();
  readonly instance: WebAssembly.Instance;
  readonly #config: Readonly<Record<string, string>>;
  readonly #blocks = new Map<bigint, Uint8Array>();
  #nextHandle = 1n;
  #input: Uint8Array = new Uint8Array();
  #output: { handle: bigint; length: number } | undefined;
  #error: bigint | undefined;

  constructor(module: WebAssembly.Module, config: Readonly<Record<string, string>> = {}) {
    this.#config = config;
    this.instance = new WebAssembly.Instance(module, { "extism:host/env": this.#imports() });
  }

  /** Blocks nobody has freed, besides the output's and the error's, which are the host's. */
  get leakedBlocks(): number {
    const owned = [this.#output?.handle, this.#error].filter((handle) => handle !== undefined && handle !== 0n);
    return this.#blocks.size - owned.length;
  }

  get memoryPages(): number {
    // The module exports its memory under this name; a module without one fails right here.
    return (this.instance.exports["memory"] as WebAssembly.Memory).buffer.byteLength / 65_536;
  }

  call(name: string, input: string | Uint8Array = ""): AbiCall {
    this.#blocks.clear();
    this.#input = typeof input === "string" ? new TextEncoder().encode(input) : input;
    this.#output = undefined;
    this.#error = undefined;
    let result: unknown;
    let trap: string | undefined;
    try {
      // Exports of plugins take no parameters; a missing one fails right here.
      result = (this.instance.exports[name] as () => unknown)();
    } catch (error) {
      trap = error instanceof Error ? error.message : "exception";
    }
    return { result, trap, output: this.#outputText(), error: this.#error ? this.#text(this.#error) : undefined };
  }

  #outputText(): string {
    const output = this.#output;
    if (output === undefined || output.handle === 0n) return "";
    return decode(this.#block(output.handle).subarray(0, output.length));
  }

  #imports(): WebAssembly.ModuleImports {
    return {
      alloc: (bytes: bigint) => (bytes === 0n ? 0n : this.#add(new Uint8Array(Number(bytes)))),
      free: (handle: bigint) => this.#take(handle),
      length: (handle: bigint) => BigInt(this.#block(handle).length),
      load_u8: (address: bigint) => this.#view(address, 1).getUint8(0),
      load_u64: (address: bigint) => this.#view(address, 8).getBigUint64(0, true),
      store_u8: (address: bigint, value: number) => this.#view(address, 1).setUint8(0, value),
      store_u64: (address: bigint, value: bigint) => this.#view(address, 8).setBigUint64(0, value, true),
      input_length: () => BigInt(this.#input.length),
      input_load_u8: (offset: bigint) => viewOf(this.#input, Number(offset), 1).getUint8(0),
      input_load_u64: (offset: bigint) => viewOf(this.#input, Number(offset), 8).getBigUint64(0, true),
      output_set: (handle: bigint, length: bigint) => {
        if (handle !== 0n && this.#block(handle).length < Number(length))
          throw new Error("output is longer than its block");
        this.#output = { handle, length: Number(length) };
      },
      error_set: (handle: bigint) => {
        this.#error = handle;
      },
      ...this.#hostImports(),
    };
  }

  /** These take the handles they are given; what they return belongs to the guest. */
  #hostImports(): WebAssembly.ModuleImports {
    const log = (level: string) => (handle: bigint) => this.logs.push(`${level} ${decode(this.#take(handle))}`);
    return {
      config_get: (key: bigint) => {
        const value = this.#config[decode(this.#take(key))];
        return value === undefined ? 0n : this.#add(new TextEncoder().encode(value));
      },
      var_get: (name: bigint) => {
        const value = this.variables.get(decode(this.#take(name)));
        return value === undefined ? 0n : this.#add(value.slice());
      },
      var_set: (name: bigint, value: bigint) => {
        const key = decode(this.#take(name));
        if (value === 0n) this.variables.delete(key);
        else this.variables.set(key, this.#take(value));
      },
      log_trace: log("trace"),
      log_debug: log("debug"),
      log_info: log("info"),
      log_warn: log("warn"),
      log_error: log("error"),
      get_log_level: () => 1,
    };
  }

  #add(block: Uint8Array): bigint {
    const handle = this.#nextHandle++ << 32n;
    this.#blocks.set(handle, block);
    return handle;
  }

  #take(handle: bigint): Uint8Array {
    const block = this.#block(handle);
    this.#blocks.delete(handle);
    return block;
  }

  #block(handle: bigint): Uint8Array {
    const block = this.#blocks.get(handle);
    if (block === undefined) throw new Error(`handle ${handle} is not alive`);
    return block;
  }

  #view(address: bigint, bytes: number): DataView {
    const offset = address & 0xffff_ffffn;
    return viewOf(this.#block(address - offset), Number(offset), bytes);
  }

  #text(handle: bigint): string {
    return decode(this.#block(handle));
  }
}

function viewOf(bytes: Uint8Array, offset: number, length: number): DataView {
  if (offset + length > bytes.length) throw new Error(`byte ${offset + length} of ${bytes.length} is out of range`);
  return new DataView(bytes.buffer, bytes.byteOffset + offset, length);
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
}
