import { beforeAll, describe, expect, test } from "vitest";
import { compileKernel, type MeteredKernel, openKernel } from "./metered-kernel.ts";
import { SeededRandom } from "./seeded-random.ts";

const MIB = 1_048_576;
/** Fuel that no operation may pass, growth of the memory apart. */
const CONSTANT_FUEL = 1_500;
/** Growing by a mebibyte, as the rewriter prices it. */
const GROWTH_FUEL = 1_500_000;

/** Behind the kernel's own 2 KiB, the heap's unused first granule, and a header. */
const FIRST_HANDLE = 2_072n;

let module: WebAssembly.Module;
beforeAll(async () => {
  module = await compileKernel();
});

function open(byteLimit = 8 * MIB): MeteredKernel {
  return openKernel(module, byteLimit);
}

describe("blocks", () => {
  test("handles are aligned, distinct and as long as asked", () => {
    const { call } = open();
    const handles = [1, 7, 8, 9, 500, 70_000].map((length) => ({ length, handle: call.alloc(BigInt(length)) }));
    for (const { length, handle } of handles) {
      expect(handle % 8n).toBe(0n);
      expect(call.length(handle)).toBe(BigInt(length));
      expect(call.length_unsafe(handle)).toBe(BigInt(length));
    }
    expect(new Set(handles.map(({ handle }) => handle)).size).toBe(handles.length);
  });

  test.each([0n, 1n, 7n, 15n, 1_280n, 2_047n, 2_048n, 2_056n, 2n ** 32n + FIRST_HANDLE, -1n, -(2n ** 63n)])(
    "length(%d) is 0",
    (address) => {
      const { call } = open();
      expect(call.alloc(8n)).toBe(FIRST_HANDLE);
      expect(call.length(address)).toBe(0n);
    },
  );

  test("only the start of a block is its handle", () => {
    const { call } = open();
    const handle = call.alloc(64n);
    const lengths = Array.from({ length: 193 }, (_, index) => call.length(handle - 64n + BigInt(index)));
    expect(lengths).toEqual(lengths.map((_, index) => (index === 64 ? 64n : 0n)));
  });

  test("a freed block serves again, and freeing twice does nothing", () => {
    const { call } = open();
    const first = call.alloc(100n);
    call.free(first);
    call.free(first);
    expect(call.length(first)).toBe(0n);
    expect(call.alloc(98n)).toBe(first);
    expect(call.alloc(98n)).not.toBe(first);
  });

  test("when the heap is full a larger free block serves", () => {
    const { call } = open(4_096);
    const large = call.alloc(2_000n);
    while (call.alloc(8n) !== 0n);
    call.free(large);
    expect(call.alloc(900n)).toBe(large);
    expect(call.length(large)).toBe(900n);
  });

  test.each([
    { length: 0n, refused: 0n },
    { length: 33_554_433n, refused: 33_554_433n },
    { length: 2n ** 40n, refused: 2n ** 40n },
    { length: -1n, refused: -1n },
  ])("alloc($length) is 0", ({ length, refused }) => {
    const { call } = open(32 * MIB);
    expect(call.alloc(length)).toBe(0n);
    expect(call.refused_bytes()).toBe(refused);
    expect(call.heap_bytes()).toBe(0);
  });

  test.each([0, 15, 16, 65_536, 1_000_000, 8 * MIB, 32 * MIB])("the heap keeps a limit of %d bytes", (byteLimit) => {
    const { call } = open(byteLimit);
    let blocks = 0;
    while (call.alloc(1_000n) !== 0n) blocks += 1;
    while (call.alloc(1n) !== 0n) blocks += 1;
    expect(call.heap_bytes()).toBeLessThanOrEqual(byteLimit);
    expect(call.heap_bytes()).toBeGreaterThan(byteLimit - 16);
    expect(call.refused_bytes()).toBe(1_000n);
    expect(blocks > 0).toBe(byteLimit >= 16);
  });

  test("a limit that is lowered holds from then on", () => {
    const { call, byteLimit } = open(MIB);
    const handle = call.alloc(1_000n);
    byteLimit.value = 500;
    expect(call.alloc(1n)).toBe(0n);
    expect(call.length(handle)).toBe(1_000n);
  });
});

describe("input, output, error", () => {
  test("input reads words only where eight bytes are left", () => {
    const { call, memory } = open();
    const handle = call.alloc(11n);
    new Uint8Array(memory.buffer).set([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], Number(handle));
    call.input_set(handle, 11n);
    expect(call.input_length()).toBe(11n);
    expect(call.input_offset()).toBe(handle);
    expect([0n, 3n, 4n, 11n, -1n].map((at) => call.input_load_u64(at))).toEqual([
      0x0807060504030201n,
      0x0b0a090807060504n,
      0n,
      0n,
      0n,
    ]);
    expect([0n, 10n, 11n, -1n].map((at) => call.input_load_u8(at))).toEqual([1, 11, 0, 0]);
  });

  test.each([
    { offset: 0n, length: 0n, exists: 0n },
    { offset: FIRST_HANDLE, length: 4n, exists: 4n },
    { offset: 2_076n, length: 4n, exists: 4n },
    { offset: FIRST_HANDLE, length: 2n ** 62n, exists: 24n },
    { offset: FIRST_HANDLE, length: -1n, exists: 24n },
    { offset: 2_095n, length: 9n, exists: 1n },
    { offset: 2_096n, length: 9n, exists: 0n },
    { offset: -1n, length: 9n, exists: 0n },
    { offset: 1_280n, length: 9n, exists: 0n },
  ])("output_set($offset, $length) has $exists bytes", ({ offset, length, exists }) => {
    const { call } = open();
    expect(call.alloc(24n)).toBe(FIRST_HANDLE);
    call.output_set(offset, length);
    expect(call.output_length()).toBe(exists);
    expect(call.output_requested()).toBe(length);
  });

  test("an error keeps the length it had when it was set", () => {
    const { call } = open();
    const handle = call.alloc(5n);
    call.error_set(handle);
    call.free(handle);
    expect([call.error_get(), call.error_length()]).toEqual([handle, 5n]);
    call.error_set(3n);
    expect(call.error_get()).toBe(handle);
    call.error_set(0n);
    expect([call.error_get(), call.error_length()]).toEqual([0n, 0n]);
  });
});

describe("work", () => {
  test.each([10, 1_000, 30_000])("no operation walks the blocks: %d of them, every other freed", (count) => {
    const kernel = open(32 * MIB);
    const { call } = kernel;
    const handles = Array.from({ length: count }, (_, index) => call.alloc(BigInt(16 + (index % 60) * 16)));
    let most = 0;
    const measure = (run: () => unknown): void => {
      run();
      most = Math.max(most, kernel.spent());
    };
    for (const handle of handles.filter((_, index) => index % 2 === 0)) measure(() => call.free(handle));
    for (const handle of handles.slice(-50)) {
      measure(() => call.length(handle));
      measure(() => call.length(handle + 8n));
      measure(() => call.length_unsafe(handle));
      measure(() => call.load_u64(handle));
      measure(() => call.store_u64(handle, 1n));
    }
    // Sizes that fit no freed block, and sizes that fit many.
    const before = kernel.memory.buffer.byteLength;
    for (let round = 0; round < 50; round += 1) {
      const grown = kernel.memory.buffer.byteLength;
      call.alloc(BigInt(2_000 + round));
      if (kernel.memory.buffer.byteLength === grown) most = Math.max(most, kernel.spent());
      measure(() => call.alloc(40n));
    }
    expect(kernel.memory.buffer.byteLength - before).toBeLessThanOrEqual(2 * MIB);
    expect(most).toBeLessThan(CONSTANT_FUEL);
    expect(most).toBeGreaterThan(20);
  });

  test("a full heap of freed small blocks does not make a large request slow", () => {
    const kernel = open(MIB);
    const { call } = kernel;
    const handles: bigint[] = [];
    for (let handle = call.alloc(8n); handle !== 0n; handle = call.alloc(8n)) handles.push(handle);
    for (const handle of handles) call.free(handle);
    expect(call.alloc(500n)).toBe(0n);
    expect(kernel.spent()).toBeLessThan(CONSTANT_FUEL);
    expect(call.alloc(8n)).not.toBe(0n);
  });

  test("memory grows by at most a mebibyte at a time", () => {
    const kernel = open(32 * MIB);
    let growths = 0;
    for (let handle = 1n; handle !== 0n;) {
      const before = kernel.memory.buffer.byteLength;
      handle = kernel.call.alloc(10_000n);
      if (kernel.memory.buffer.byteLength > before) growths += 1;
      expect(kernel.spent()).toBeLessThan(GROWTH_FUEL);
    }
    expect(growths).toBeLessThanOrEqual(32);
  });
});

interface Block {
  readonly handle: bigint;
  readonly length: number;
  readonly fill: number;
}

function isIntact({ call, memory }: MeteredKernel, { handle, length, fill }: Block): boolean {
  const bytes = new Uint8Array(memory.buffer, Number(handle), length);
  return call.length(handle) === BigInt(length) && bytes.every((byte) => byte === fill);
}

/** A guest that uses the kernel as it should, with a model of what it holds. */
class HonestGuest {
  readonly #kernel: MeteredKernel;
  readonly #random: SeededRandom;
  readonly #live = new Map<bigint, Block>();
  readonly #dead: bigint[] = [];
  /** What went wrong, empty where nothing did. */
  readonly faults: string[] = [];

  constructor(kernel: MeteredKernel, seed: number) {
    this.#kernel = kernel;
    this.#random = new SeededRandom(seed);
  }

  step(): void {
    const chosen = this.#random.pick([...this.#live.values()].slice(0, 40));
    if (chosen === undefined || this.#random.below(100) < 52) this.#allocate();
    else this.#release(chosen);
    const gone = this.#random.pick(this.#dead) ?? 0n;
    this.#check(this.#live.has(gone) || this.#kernel.call.length(gone) === 0n, `${gone} is freed but has a length`);
  }

  checkAll(): void {
    for (const block of this.#live.values()) this.#check(isIntact(this.#kernel, block), `${block.handle} is damaged`);
  }

  #allocate(): void {
    const length = 1 + this.#random.below(this.#random.below(10) === 0 ? 20_000 : 300);
    const handle = this.#kernel.call.alloc(BigInt(length));
    if (handle === 0n) return;
    this.#check(!this.#live.has(handle), `${handle} was handed out twice`);
    const block = { handle, length, fill: 1 + this.#random.below(255) };
    new Uint8Array(this.#kernel.memory.buffer).fill(block.fill, Number(handle), Number(handle) + length);
    this.#live.set(handle, block);
  }

  #release(block: Block): void {
    this.#check(isIntact(this.#kernel, block), `${block.handle} is damaged`);
    this.#kernel.call.free(block.handle);
    this.#live.delete(block.handle);
    this.#dead.push(block.handle);
  }

  #check(holds: boolean, fault: string): void {
    if (!holds) this.faults.push(fault);
  }
}

/** A guest that stores anywhere it can reach, block headers and freed blocks too. */
class HostileGuest {
  readonly #kernel: MeteredKernel;
  readonly #random: SeededRandom;
  readonly handles: bigint[] = [];
  /** Largest length the kernel ever reported, and most fuel of an operation that did not grow the memory. */
  readonly most = { length: 0, fuel: 0 };

  constructor(kernel: MeteredKernel, seed: number) {
    this.#kernel = kernel;
    this.#random = new SeededRandom(seed);
  }

  step(): void {
    const { memory } = this.#kernel;
    const size = memory.buffer.byteLength;
    this.most.length = Math.max(this.most.length, Number(this.#act(this.#address())));
    if (memory.buffer.byteLength === size) this.most.fuel = Math.max(this.most.fuel, this.#kernel.spent());
  }

  #act(target: bigint): bigint {
    const { call } = this.#kernel;
    switch (this.#random.below(6)) {
      case 0:
        this.handles.push(call.alloc(BigInt(1 + this.#random.below(3_000))));
        return 0n;
      case 1:
        call.free(target);
        return 0n;
      case 2:
        call.store_u64(target, this.#address());
        return 0n;
      case 3:
        call.store_u8(target, this.#random.below(256));
        return 0n;
      case 4:
        return call.length(target);
      default:
        call.output_set(target, this.#address());
        return call.output_length();
    }
  }

  #address(): bigint {
    const near = this.#random.pick(this.handles) ?? FIRST_HANDLE;
    const anywhere = BigInt(this.#random.below(140_000));
    return this.#random.pick([near - 8n, near - 4n, near, anywhere, -BigInt(this.#random.below(64))]) ?? near;
  }
}

describe("random sequences", () => {
  test.each([1, 2, 3, 4, 5, 6])("blocks keep their bytes and never overlap (seed %d)", (seed) => {
    const limit = 256 * 1_024;
    const kernel = open(limit);
    const guest = new HonestGuest(kernel, seed);
    for (let step = 0; step < 6_000; step += 1) guest.step();
    guest.checkAll();
    expect(guest.faults).toEqual([]);
    expect(kernel.call.heap_bytes()).toBeLessThanOrEqual(limit);
    expect(kernel.call.refused_bytes()).toBeGreaterThan(0n);
  });

  test.each([11, 12, 13, 14])("a guest that writes everywhere harms only its own blocks (seed %d)", (seed) => {
    const limit = 128 * 1_024;
    const kernel = open(limit);
    const guest = new HostileGuest(kernel, seed);
    for (let step = 0; step < 20_000; step += 1) guest.step();
    expect(guest.most.length).toBeLessThanOrEqual(limit + 16);
    expect(guest.most.fuel).toBeLessThan(CONSTANT_FUEL);
    expect(kernel.call.heap_bytes()).toBeLessThanOrEqual(limit);
    const outside = guest.handles.filter(
      (handle) => handle !== 0n && (handle < FIRST_HANDLE || handle >= FIRST_HANDLE + BigInt(limit)),
    );
    expect(outside).toEqual([]);
  });
});
