import wabt from "wabt";

/** Modules made for measuring. */

/**
 * A module of about the given size that answers with nothing, unlike any other of another seed.
 *
 * @param bytes  size of code and data together
 */
export async function moduleOfSize(bytes: number, seed: number): Promise<Uint8Array> {
  const functions = Math.floor((bytes * 0.7) / 700);
  const data = Math.floor(bytes * 0.3);
  const body = (index: number): string =>
    Array.from(
      { length: 60 },
      (_, step) =>
        `(local.set $x (i32.xor (i32.mul (local.get $x) (i32.const ${seed + index * 97 + step * 7919})) (i32.load (i32.and (local.get $x) (i32.const 65532)))))`,
    ).join("\n");
  const text = `(module
    (memory (export "memory") ${Math.ceil(data / 65_536) + 1})
    ${Array.from({ length: functions }, (_, index) => `(func $f${index} (param $x i32) (result i32) ${body(index)} (local.get $x))`).join("\n")}
    (data (i32.const 0) "${randomText(data, seed)}")
    (func (export "run") (result i32) (drop (call $f${seed % functions} (i32.const 1))) (i32.const 0)))`;
  const tools = await wabt();
  const module = tools.parseWat("bench.wat", text);
  const binary = module.toBinary({ write_debug_names: false }).buffer;
  module.destroy();
  return binary;
}

/** Printable and hardly compressible; a linear congruential generator (Numerical Recipes) so that runs agree. */
function randomText(length: number, seed: number): string {
  let state = seed >>> 0;
  let text = "";
  while (text.length < length) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    text += String.fromCharCode(97 + ((state >>> 24) % 26));
  }
  return text;
}

/** A valid module of nearly the given size: one passive data segment. Fast to make, slow to move. */
export function moduleWithData(bytes: number, seed: number): Uint8Array {
  const segment = new Uint8Array(bytes - 64);
  let state = seed >>> 0;
  for (let at = 0; at < segment.length; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    segment[at] = state >>> 24;
  }
  const leb = (value: number): number[] => (value < 128 ? [value] : [(value & 127) | 128, ...leb(value >>> 7)]);
  const section = (id: number, content: readonly number[]): number[] => [id, ...leb(content.length), ...content];
  const head = [
    0,
    97,
    115,
    109,
    1,
    0,
    0,
    0,
    ...section(1, [1, 0x60, 0, 1, 0x7f]),
    ...section(3, [1, 0]),
    ...section(7, [1, 3, 114, 117, 110, 0, 0]),
    ...section(12, [1]),
    ...section(10, [1, 4, 0, 0x41, 0, 0x0b]),
  ];
  const dataHead = [1, 1, ...leb(segment.length)];
  const tail = [11, ...leb(dataHead.length + segment.length), ...dataHead];
  return Buffer.concat([Uint8Array.from([...head, ...tail]), segment]);
}
