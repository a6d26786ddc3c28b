import { beforeAll, describe, expect, test } from "vitest";
import { KernelPool } from "../../../worker/execution/sandbox/kernel-pool.ts";
import type { Kernel } from "../../../worker/execution/sandbox/kernel.ts";
import { assembleKernel } from "./metered-kernel.ts";
import { SeededRandom } from "./seeded-random.ts";

const LIMIT = 8 * 1_048_576;

interface RawKernel {
  readonly memory: WebAssembly.Memory;
  readonly byte_limit: WebAssembly.Global;
  alloc(length: bigint): bigint;
  store_u64(address: bigint, value: bigint): void;
  reset(): void;
}

let module: WebAssembly.Module;
beforeAll(async () => {
  module = new WebAssembly.Module(await assembleKernel());
});

function exportsOf(kernel: Kernel, name: string): (...values: bigint[]) => bigint {
  const found = kernel.importable(name);
  if (typeof found !== "function") throw new Error(`the kernel does not answer ${name}`);
  return found as (...values: bigint[]) => bigint; // an export, whose types JavaScript cannot see
}

/** Uses a kernel as a guest with secrets would, by way of everything a guest can reach. */
function useUp(kernel: Kernel, seed: number): void {
  const random = new SeededRandom(seed);
  const [alloc, free, storeWord, outputSet, errorSet] = ["alloc", "free", "store_u64", "output_set", "error_set"].map(
    (name) => exportsOf(kernel, name),
  ) as ((...values: bigint[]) => bigint)[];
  kernel.setInput(new Uint8Array(random.below(5_000) + 1).fill(0xaa));
  const handles: bigint[] = [];
  for (let step = 0; step < 300; step++) {
    handles.push(alloc?.(BigInt(random.below(2_000))) ?? 0n);
    storeWord?.(BigInt(random.below(700_000)), -1n);
    if (step % 3 === 0) free?.(handles[random.below(handles.length)] ?? 0n);
  }
  outputSet?.(handles.at(-1) ?? 0n, 8n);
  errorSet?.(handles[0] ?? 0n);
  alloc?.(2n ** 40n);
}

/** Everything that a guest or the host could tell a kernel by. */
function trace(kernel: Kernel): unknown[] {
  const alloc = exportsOf(kernel, "alloc");
  const load = exportsOf(kernel, "load_u64");
  const before = [
    kernel.outputLength(),
    kernel.readOutput(),
    kernel.readError(),
    kernel.heapBytes(),
    kernel.refusedBytes(),
  ];
  const names = ["input_length", "input_offset", "error_get"].map((name) => exportsOf(kernel, name)());
  const handles = Array.from({ length: 50 }, (_, index) => alloc(BigInt(index * 37)));
  const words = Array.from({ length: 20_000 }, (_, index) => load(BigInt(index * 8)));
  return [
    ...before,
    ...names,
    ...handles,
    kernel.heapBytes(),
    words.findIndex((word) => word === -1n),
    new Set(words).size,
  ];
}

describe("KernelPool", () => {
  test.each(Array.from({ length: 40 }, (_, seed) => seed))(
    "a kernel used with seed %d cannot be told from a new one",
    (seed) => {
      const pool = new KernelPool(module);
      const used = pool.take(LIMIT);
      useUp(used, seed);
      pool.giveBack(used);
      const again = pool.take(LIMIT);
      expect(again).toBe(used);
      expect(trace(again)).toEqual(trace(new KernelPool(module).take(LIMIT)));
    },
  );

  test("after a reset every byte of memory is zero", () => {
    const kernel = new WebAssembly.Instance(module).exports as unknown as RawKernel; // kernel.wat
    kernel.byte_limit.value = LIMIT;
    for (let step = 0; step < 500; step++) {
      kernel.alloc(BigInt(step * 7));
      kernel.store_u64(BigInt(step * 1_777), -1n);
    }
    const bytes = (): Uint8Array => new Uint8Array(kernel.memory.buffer);
    expect(bytes().some((byte) => byte !== 0)).toBe(true);
    kernel.reset();
    expect(bytes().every((byte) => byte === 0)).toBe(true);
  });

  test("a kernel in use is nobody else's, and one that grew large is not kept", () => {
    const pool = new KernelPool(module);
    const [first, second] = [pool.take(LIMIT), pool.take(LIMIT)];
    expect(first).not.toBe(second);
    exportsOf(first, "alloc")(4n * 1_048_576n);
    pool.giveBack(first);
    expect(pool.take(LIMIT)).not.toBe(first);
  });
});
