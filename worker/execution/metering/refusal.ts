/** Why a module is refused: it breaks the binary format, uses something not run here, or is over a stated limit. */
export type WasmRefusalCode = "WASM_MALFORMED" | "WASM_UNSUPPORTED" | "WASM_LIMIT";

/** The only error that reading, inspecting or rewriting a module throws, whatever the bytes are. */
export class WasmRefusal extends Error {
  override readonly name = "WasmRefusal";
  readonly code: WasmRefusalCode;
  /** Byte offset in the module of what is refused. */
  readonly offset: number;
  /** Name of the WebAssembly feature, where the refusal is about one. */
  readonly feature?: string;

  constructor(code: WasmRefusalCode, detail: string, offset: number, feature?: string) {
    super(`${detail} (at byte ${offset})`);
    this.code = code;
    this.offset = offset;
    if (feature !== undefined) this.feature = feature;
  }
}
