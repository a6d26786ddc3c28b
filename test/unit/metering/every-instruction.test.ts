import { beforeAll, expect, test } from "vitest";
import { GC_BASE, PREFIX_SPAN } from "../../../worker/execution/metering/opcodes.ts";
import { rewriteModule, WasmRefusal } from "../../../worker/execution/metering/rewrite.ts";
import { Guest, PLENTY, POLICY } from "./guest.ts";
import {
  BYTES_SEEN,
  instructionModule,
  instructionOf,
  unreachableModule,
  OPERANDS_AT,
  signatureOf,
  ValueType,
  type Signature,
} from "./instruction-probe.ts";

const PREFIXES = [0xfb, 0xfc, 0xfd, 0xfe];

interface Found {
  readonly name: string;
  readonly instruction: readonly number[];
  readonly signature: Signature | null;
}

function hex(bytes: readonly number[]): string {
  return bytes.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

/** All opcodes there can be, with their numbers as in opcodes.ts. */
function* opcodes(): Generator<readonly [bytes: number[], number: number]> {
  for (let byte = 0; byte < 256; byte++) if (!PREFIXES.includes(byte)) yield [[byte], byte];
  for (const [at, prefix] of PREFIXES.entries()) {
    for (let number = 0; number < PREFIX_SPAN; number++) {
      const bytes = number < 128 ? [number] : [(number & 127) | 128, number >> 7];
      yield [[prefix, ...bytes], GC_BASE + at * PREFIX_SPAN + number];
    }
  }
}

/** Every instruction that the runtime takes. */
const found: Found[] = [];

beforeAll(() => {
  for (const [bytes, number] of opcodes()) {
    const instruction = instructionOf(bytes, number);
    if (instruction !== null) found.push({ name: hex(bytes), instruction, signature: signatureOf(instruction) });
  }
});

/** What the rewriter says to a module. */
function verdict(module: Uint8Array): string {
  try {
    rewriteModule(module, POLICY);
    return "carried";
  } catch (error) {
    if (!(error instanceof WasmRefusal)) throw error;
    return error.feature ?? `${error.code}: ${error.message}`;
  }
}

const INTEGERS = [
  0n,
  1n,
  -1n,
  7n,
  31n,
  255n,
  0x7fff_ffffn,
  -0x8000_0000n,
  0x7fff_ffff_ffff_ffffn,
  0x0123_4567_89ab_cdefn,
];
const FLOATS = [0, -0, 1.5, -2.5, 3e9, -1e19, 1e-310, Infinity, -Infinity, NaN];

/** Writes the operands of one round: each value meets every other at some round. */
function writeOperands(memory: ArrayBufferLike, { operands }: Signature, round: number): void {
  const view = new DataView(memory);
  for (const [index, type] of operands.entries()) {
    const at = OPERANDS_AT + 16 * index;
    const pick = index === 0 ? round % 10 : Math.floor(round / 10) % 10;
    const [integer, float] = [INTEGERS[pick] ?? 0n, FLOATS[pick] ?? 0];
    if (type === ValueType.f32) view.setFloat32(at, float, true);
    else if (type === ValueType.f64) view.setFloat64(at, float, true);
    else {
      view.setBigInt64(at, integer, true);
      view.setBigInt64(at + 8, INTEGERS[(pick + round) % 10] ?? 0n, true);
    }
    if (type === ValueType.v128 && round % 3 === 0) view.setFloat64(at, float, true);
    if (type === ValueType.v128 && round % 3 === 1)
      for (let lane = 0; lane < 4; lane++) view.setFloat32(at + 4 * lane, float, true);
  }
}

interface Round {
  readonly outcome: string;
  readonly bytes: string;
}

function perform(exports: WebAssembly.Exports, signature: Signature, round: number, refuel: () => void): Round {
  const memory = exports["m"] as WebAssembly.Memory;
  new Uint8Array(memory.buffer, 0, BYTES_SEEN).fill(0);
  writeOperands(memory.buffer, signature, round);
  let outcome = "done";
  refuel();
  try {
    (exports["f"] as () => void)();
  } catch (error) {
    outcome = error instanceof Error ? error.message : "exception";
  }
  return {
    outcome,
    bytes: Buffer.from(memory.buffer, 0, 2_048)
      .toString("hex")
      .replace(/(?:00)+$/, ""),
  };
}

const ROUNDS = 100;

/** Runs an instruction on many operands: the same results, and the same fuel in both forms. */
function compareInstruction({ name, instruction }: Found, signature: Signature): void {
  const module = instructionModule(instruction, signature);
  const before = new WebAssembly.Instance(new WebAssembly.Module(module)).exports;
  const guests = [new Guest(module), new Guest(module, {}, { backend: "global" })];
  for (let round = 0; round < (signature.operands.length === 0 ? 1 : ROUNDS); round++) {
    const expected = perform(before, signature, round, () => {});
    const fuel = guests.map((guest) => {
      const after = perform(guest.exports, signature, round, () => {
        guest.fuel.value = PLENTY;
        guest.depth.value = POLICY.callDepth;
      });
      if (after.outcome !== expected.outcome || after.bytes !== expected.bytes) {
        expect({ name, round, ...after }).toEqual({ name, round, ...expected });
      }
      return guest.fuel.value as bigint;
    });
    if (expected.outcome === "done" && fuel[0] !== fuel[1]) expect([name, fuel[0]]).toEqual([name, fuel[1]]);
  }
}

test("every instruction that the runtime has is carried, or refused by the name of its feature", () => {
  const counts = new Map<string, number>();
  for (const { name, instruction } of found) {
    const said = verdict(unreachableModule(instruction));
    const key = said.includes(":") ? `${name} ${said}` : said;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  expect([...counts.keys()].toSorted()).toEqual(["carried", "gc", "relaxed-simd", "threads"]);
  expect(counts.get("carried")).toBeGreaterThan(430);
  expect(counts.get("relaxed-simd")).toBe(20);
  expect(counts.get("threads")).toBe(67);
});

test("an instruction gives the same results before and after rewriting, for the same fuel in both forms", () => {
  let compared = 0;
  for (const candidate of found) {
    const { instruction, signature } = candidate;
    if (signature === null || verdict(instructionModule(instruction, signature)) !== "carried") continue;
    compareInstruction(candidate, signature);
    compared++;
  }
  expect(compared).toBeGreaterThan(430);
});
