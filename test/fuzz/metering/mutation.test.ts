import { expect, test } from "vitest";
import { inspectModule } from "../../../worker/execution/metering/inspect.ts";
import { rewriteModule, WasmRefusal } from "../../../worker/execution/metering/rewrite.ts";
import { PROGRAMS } from "../../unit/metering/programs.ts";
import { joined } from "../../unit/metering/guest.ts";
import { wat } from "../../unit/metering/wat.ts";
import { Random } from "./random.ts";
import { roundsFor } from "./rounds.ts";

const POLICY = { memoryPages: 100, tableElements: 1_000, callDepth: 1_000, keepNames: true };

const corpus = PROGRAMS.map(([, source]) => wat(`(module ${source})`));
corpus.push(
  wat(`(module (memory (export "m") 1 2) (data (i32.const 3) "abc") (global (export "g") (mut i64) (i64.const 7)) (start $s)
    (func $s (global.set 0 (i64.const 8)) (drop (f32.const 1.5)) (drop (f64.const 2.5)) (block (br 0))))`),
);

/** Changes a few bytes: bits, values, cuts, copies. */
function mutated(input: Uint8Array, random: Random): Uint8Array<ArrayBuffer> {
  let bytes = [...input];
  for (let changes = 1 + random.below(3); changes > 0; changes--) {
    const at = random.below(bytes.length);
    const kind = random.below(6);
    if (kind <= 1) bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
    else if (kind === 2) bytes[at] = random.below(256);
    else if (kind === 3) bytes.splice(at, 1 + random.below(3));
    else if (kind === 4) bytes.splice(at, 0, ...bytes.slice(at, at + random.below(8)));
    else if (random.below(8) === 0) bytes = bytes.slice(0, at);
  }
  return Uint8Array.from(bytes);
}

/** What reading bytes does: nothing but a refusal may be thrown. */
function refused(action: () => unknown): WasmRefusal | null {
  try {
    action();
    return null;
  } catch (error) {
    if (error instanceof WasmRefusal) return error;
    throw error;
  }
}

test("changed bytes are refused or rewritten; valid stays valid, invalid stays invalid", () => {
  const seen = { valid: 0, refusedValid: 0, invalid: 0, refusedInvalid: 0 };
  for (const seed of roundsFor(10)) {
    const random = new Random(seed);
    const input = mutated(random.pick(corpus), random);
    refused(() => inspectModule(input));
    let output: Uint8Array<ArrayBuffer> | null = null;
    const policy = seed % 4 === 0 ? ({ ...POLICY, backend: "global" } as const) : POLICY;
    const refusal = refused(() => (output = joined(rewriteModule(input, policy).chunks)));
    const valid = WebAssembly.validate(input);
    seen[valid ? "valid" : "invalid"]++;
    if (refusal !== null) {
      seen[valid ? "refusedValid" : "refusedInvalid"]++;
      // What the runtime takes is only refused for policy, never for its form.
      if (valid) expect([seed, refusal.code, refusal.message]).not.toContain("WASM_MALFORMED");
    }
    if (output !== null) expect([seed, WebAssembly.validate(output)]).toEqual([seed, valid]);
  }
  expect(seen.valid - seen.refusedValid).toBeGreaterThan(20);
  expect(seen.invalid).toBeGreaterThan(20);
}, 3_600_000);
