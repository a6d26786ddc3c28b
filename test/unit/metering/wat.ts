import wabt from "wabt";

const toolkit = await wabt();

const FEATURES = {
  exceptions: true,
  mutable_globals: true,
  sat_float_to_int: true,
  sign_extension: true,
  simd: true,
  threads: true,
  multi_value: true,
  tail_call: true,
  bulk_memory: true,
  reference_types: true,
  multi_memory: true,
  extended_const: true,
  memory64: true,
  relaxed_simd: true,
};

/** Assembles WebAssembly text with every feature that the rewriter carries. Invalid modules are assembled too. */
export function wat(text: string): Uint8Array {
  const module = toolkit.parseWat("test.wat", text, FEATURES);
  try {
    return Uint8Array.from(module.toBinary({ write_debug_names: true }).buffer);
  } finally {
    module.destroy();
  }
}
