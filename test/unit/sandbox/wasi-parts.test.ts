import { describe, expect, test } from "vitest";
import { GuestClock } from "../../../worker/execution/sandbox/wasi/clock.ts";
import { WasiError } from "../../../worker/execution/sandbox/wasi/errno.ts";
import { GuestMemory } from "../../../worker/execution/sandbox/wasi/guest-memory.ts";

function attached(): { memory: GuestMemory; raw: WebAssembly.Memory } {
  const raw = new WebAssembly.Memory({ initial: 1 });
  const memory = new GuestMemory();
  memory.attach({ memory: raw });
  return { memory, raw };
}

describe("GuestMemory", () => {
  const PAGE = 65_536;

  test.each([
    { pointer: 0, length: PAGE },
    { pointer: PAGE, length: 0 },
    { pointer: PAGE - 4, length: 4 },
  ])("$length bytes at $pointer are inside", ({ pointer, length }) => {
    expect(attached().memory.bytes(pointer, length).byteLength).toBe(length);
  });

  test.each([
    { pointer: 0, length: PAGE + 1 },
    { pointer: PAGE, length: 1 },
    { pointer: PAGE - 3, length: 4 },
    { pointer: -1, length: 1 },
    { pointer: -4, length: 8 },
    { pointer: 0, length: -1 },
    { pointer: 2 ** 31 - 1, length: 2 ** 32 },
  ])("$length bytes at $pointer are EFAULT", ({ pointer, length }) => {
    expect(() => attached().memory.view(pointer, length)).toThrow(new WasiError(21));
  });

  test("a grown memory is seen", () => {
    const { memory, raw } = attached();
    raw.grow(2);
    memory.setUint32(2 * PAGE, 0x01020304);
    expect([...new Uint8Array(raw.buffer, 2 * PAGE, 4)]).toEqual([4, 3, 2, 1]);
    expect(memory.byteLength).toBe(3 * PAGE);
  });

  test.each([{}, { memory: () => 0 }])("without an exported memory every range is EFAULT", (exports) => {
    const memory = new GuestMemory();
    memory.attach(exports);
    expect(memory.byteLength).toBe(0);
    expect(() => memory.setUint64(0, 1n)).toThrow(new WasiError(21));
  });
});

describe("GuestClock", () => {
  test("moves by a microsecond with each reading and by what the guest sleeps", () => {
    const clock = new GuestClock(1_700_000_000_000);
    expect([clock.read(1), clock.read(0), clock.peek(0), clock.read(2), clock.read(3)]).toEqual([
      1_000n,
      1_700_000_000_000_002_000n,
      1_700_000_000_000_002_000n,
      3_000n,
      4_000n,
    ]);
    clock.advance(20_000_000n);
    expect(clock.peek(1)).toBe(20_004_000n);
  });

  test.each([-1, 4, 99])("clock %d is EINVAL", (id) => {
    expect(() => new GuestClock(0).read(id)).toThrow(new WasiError(28));
  });
});
