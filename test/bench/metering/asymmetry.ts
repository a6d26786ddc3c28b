import { METERING_EXPORTS } from "../../../sdk/contract/metering-abi.ts";
import { rewriteModule } from "../../../worker/execution/metering/rewrite.ts";
import { wat } from "../../unit/metering/wat.ts";
import { median, type Figure } from "../statistics.ts";

/**
 * What a unit of fuel buys in time, by kind of instruction: whoever wants to hold a processor for as little fuel as possible would
 * pick the slowest. Each kernel runs until its fuel is gone, so time over budget is the price, whatever the kernel does.
 */

const BUDGET = 50_000_000;
const ROUNDS = 5;
const COPIES = 32;

interface Attack {
  readonly name: string;
  /** Repeated in the body of a loop; `$i` counts the turns. */
  readonly body: string;
  readonly copies?: number;
  /** Waits for memory or the processor's slow path, which no price covers: bounded by memory limits and processor time. */
  readonly beyondPricing?: true;
}

const onI32 = (operation: string) => `(local.set $a (${operation} (local.get $a) (i32.const 3)))`;
const onI64 = (operation: string) => `(local.set $b (${operation} (local.get $b) (i64.const 3)))`;
const onF64 = (operation: string) => `(local.set $f (${operation} (local.get $f) (f64.const 1.0000001)))`;
const unaryF64 = (operation: string) => `(local.set $f (${operation} (local.get $f)))`;

/** A chain of addresses, each of which has to arrive before the next can be asked for. */
function chase(name: string, bytes: number, beyondPricing?: true): Attack {
  const next = "(i32.add (i32.mul (local.get $a) (i32.const 1664525)) (i32.const 1013904223))";
  const address = `(i32.and (i32.shr_u (local.get $a) (i32.const 4)) (i32.const ${bytes - 4}))`;
  const step = `(local.set $a (i32.add ${next} (i32.load ${address})))`;
  return { name, body: step, ...(beyondPricing ? { beyondPricing } : {}) };
}

const LOCALS = "(local i64)".repeat(2_000);

const ATTACKS: readonly Attack[] = [
  { name: "empty loop", body: "", copies: 1 },
  { name: "i32.add", body: onI32("i32.add") },
  { name: "i32.mul", body: onI32("i32.mul") },
  { name: "i32.div_u", body: onI32("i32.div_u") },
  { name: "i32.rotl", body: onI32("i32.rotl") },
  { name: "i64.mul", body: onI64("i64.mul") },
  { name: "i64.rem_s", body: onI64("i64.rem_s") },
  { name: "i64.popcnt", body: "(local.set $b (i64.popcnt (local.get $b)))" },
  { name: "f64.add", body: onF64("f64.add") },
  { name: "f64.div", body: onF64("f64.div") },
  { name: "f64.min", body: onF64("f64.min") },
  { name: "f64.sqrt", body: unaryF64("f64.sqrt") },
  { name: "f64.nearest", body: unaryF64("f64.nearest") },
  { name: "i64.trunc_sat_f64_u", body: "(local.set $b (i64.trunc_sat_f64_u (local.get $f)))" },
  { name: "f64.convert_i64_u", body: "(local.set $f (f64.convert_i64_u (local.get $b)))" },
  { name: "i32.load", body: "(local.set $a (i32.load (i32.and (local.get $a) (i32.const 1020))))" },
  { name: "i32.store", body: "(i32.store (i32.and (local.get $i) (i32.const 1020)) (local.get $a))" },
  { name: "global.set", body: "(global.set $g (local.get $a))" },
  { name: "call", body: "(call $leaf)" },
  { name: "call, 2,000 locals", body: "(call $wide)", copies: 2 },
  { name: "call_indirect", body: "(call_indirect $table (type $void) (i32.const 0))" },
  { name: "br_table", body: "(block (block (br_table 0 1 0 (local.get $a))))" },
  { name: "memory.size", body: "(local.set $a (memory.size))" },
  { name: "memory.grow by 0", body: "(drop (memory.grow (i32.const 0)))" },
  { name: "memory.fill of 0", body: "(memory.fill (i32.const 0) (i32.const 0) (i32.const 0))" },
  { name: "memory.fill of 64 KiB", body: "(memory.fill (i32.const 0) (i32.const 1) (i32.const 65536))", copies: 2 },
  { name: "memory.copy of 64 KiB", body: "(memory.copy (i32.const 65536) (i32.const 0) (i32.const 65536))", copies: 2 },
  { name: "table.get and set", body: "(table.set $table (i32.const 1) (table.get $table (i32.const 0)))" },
  {
    name: "table.fill of 1,000",
    body: "(table.fill $table (i32.const 0) (ref.null func) (i32.const 1000))",
    copies: 2,
  },
  { name: "throw and catch", body: "(try (do (throw $e)) (catch $e))", copies: 2 },
  { name: "i64x2.mul", body: "(local.set $v (i64x2.mul (local.get $v) (local.get $v)))" },
  { name: "f64x2.sqrt", body: "(local.set $v (f64x2.sqrt (local.get $v)))" },
  chase("chase in 16 KiB", 16 * 1024),
  chase("chase in 1 MiB", 1024 * 1024, true),
  chase("chase in 16 MiB", 16 * 1024 * 1024, true),
  {
    name: "denormal f64.mul",
    body: "(local.set $f (f64.mul (f64.const 0x1p-1030) (f64.add (f64.const 0.5) (f64.mul (local.get $f) (f64.const 0)))))",
    beyondPricing: true,
  },
];

function source({ body, copies = COPIES }: Attack): string {
  return `(module
    (type $void (func))
    (tag $e)
    (memory 256)
    (table $table 1000 funcref)
    (elem declare func $leaf)
    (elem (table $table) (i32.const 0) func $leaf)
    (global $g (mut i32) (i32.const 0))
    (global $sa (export "a") (mut i32) (i32.const 0))
    (global $sb (export "b") (mut i64) (i64.const 0))
    (global $sf (export "f") (mut f64) (f64.const 0))
    (func $leaf (global.set $g (i32.const 1)))
    (func $wide ${LOCALS} (global.set $g (i32.const 2)))
    (func (export "run") (local $i i32) (local $a i32) (local $b i64) (local $f f64) (local $v v128)
      (local.set $a (i32.const 7)) (local.set $b (i64.const 123456789)) (local.set $f (f64.const 1234.5))
      (loop $again
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        ${body.repeat(copies)}
        ;; Seen from outside, so that nothing above can be left out.
        (global.set $sa (local.get $a)) (global.set $sb (local.get $b)) (global.set $sf (local.get $f))
        (v128.store (i32.const 2048) (local.get $v))
        (br $again))))`;
}

/** Nanoseconds for a unit: the fastest of a few runs, each until the fuel is gone. */
function priceOf(attack: Attack): number {
  const policy = { memoryPages: 512, tableElements: 2_000, callDepth: 10_240 };
  const bytes = Uint8Array.from(Buffer.concat([...rewriteModule(wat(source(attack)), policy).chunks]));
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
  const [fuel, depth] = [exports[METERING_EXPORTS.fuel], exports[METERING_EXPORTS.depth]];
  const { run } = exports;
  if (!(fuel instanceof WebAssembly.Global) || !(depth instanceof WebAssembly.Global) || typeof run !== "function") {
    throw new Error(`${attack.name} was not metered`);
  }
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    [fuel.value, depth.value] = [BigInt(BUDGET), 10_240];
    const start = performance.now();
    try {
      run();
    } catch (error) {
      if (!(error instanceof WebAssembly.RuntimeError)) throw error;
    }
    times.push(performance.now() - start);
  }
  return (Math.min(...times) * 1e6) / BUDGET;
}

/** Figures of `npm run bench -- asymmetry`. */
export function asymmetry(): Figure[] {
  const prices = ATTACKS.map((attack) => ({ ...attack, price: priceOf(attack) }));
  const priced = prices.filter(({ beyondPricing }) => beyondPricing !== true);
  const typical = median(priced.map(({ price }) => price));
  const [worst] = priced.toSorted((one, other) => other.price - one.price);
  const beyond = prices.filter(({ beyondPricing }) => beyondPricing === true);
  const show = (list: typeof prices): string => list.map(({ name, price }) => `${name} ${price.toFixed(3)}`).join(", ");
  return [
    {
      name: "what a unit of fuel buys, the dearest instruction",
      found: worst?.price ?? 0,
      unit: "ns",
      goal: { atMost: 1 },
      note: `${worst?.name}; ${((worst?.price ?? 0) / typical).toFixed(1)} times the median of ${typical.toFixed(3)} ns. ${show(priced)}`,
    },
    {
      name: "beyond pricing: memory that does not answer, and denormals",
      found: Math.max(...beyond.map(({ price }) => price)),
      unit: "ns",
      note: show(beyond),
    },
  ];
}

if (import.meta.main) {
  for (const { name, found, note } of asymmetry()) process.stdout.write(`${name}: ${found.toFixed(3)} ns\n  ${note}\n`);
}
