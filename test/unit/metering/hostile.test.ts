import { describe, expect, test } from "vitest";
import { inspectModule } from "../../../worker/execution/metering/inspect.ts";
import { rewriteModule, WasmRefusal } from "../../../worker/execution/metering/rewrite.ts";
import { ByteWriter } from "../../../worker/execution/metering/writer.ts";
import { HEADER } from "./binary.ts";
import { POLICY } from "./guest.ts";

/** Modules made to cost memory or time: each is refused by name, or rewritten in a time that its size explains. */

type SectionWriter = readonly [id: number, write: (section: ByteWriter) => void];

function moduleOf(...sections: readonly SectionWriter[]): Uint8Array {
  const module = new ByteWriter();
  module.copy(Uint8Array.from(HEADER));
  for (const [id, write] of sections) {
    const section = new ByteWriter();
    write(section);
    module.byte(id);
    module.u32(section.length);
    module.copy(section.view());
  }
  return module.bytes();
}

function repeated(writer: ByteWriter, count: number, piece: readonly number[]): void {
  const bytes = Uint8Array.from(piece);
  for (let i = 0; i < count; i++) writer.copy(bytes);
}

function leb(value: number): number[] {
  const writer = new ByteWriter();
  writer.u32(value);
  return [...writer.bytes()];
}

const WIDEST = 990;
const END = 0x0b;
const NO_PARAMETERS: SectionWriter = [1, (section) => repeated(section, 1, [1, 0x60, 0, 0])];

/** Functions of type 0 with the same body. */
function functions(count: number, body: readonly number[]): SectionWriter[] {
  return [
    [
      3,
      (section) => {
        section.u32(count);
        repeated(section, count, [0]);
      },
    ],
    [
      10,
      (section) => {
        section.u32(count);
        repeated(section, count, [...leb(body.length), ...body]);
      },
    ],
  ];
}

function exported(count: number): SectionWriter {
  return [
    7,
    (section) => {
      section.u32(count);
      for (let index = 0; index < count; index++) {
        section.text(`e${index}`);
        section.byte(0);
        section.u32(index);
      }
    },
  ];
}

/** Sections in the order of the format: types, functions, exports, code. */
function withExports(types: SectionWriter, count: number, body: readonly number[]): Uint8Array {
  const [declarations, code] = functions(count, body);
  if (!declarations || !code) throw new TypeError("two sections are made");
  return moduleOf(types, declarations, exported(count), code);
}

function wideTypes(count: number): SectionWriter {
  const type = [0x60, ...leb(WIDEST), ...Array.from({ length: WIDEST }, () => 0x7f), 0];
  return [
    1,
    (section) => {
      section.u32(count);
      repeated(section, count, type);
    },
  ];
}

/** loop (br_if 0 (i32.const 0)) end: a body that grows much. */
const LOOPS = [0, ...Array.from({ length: 200 }, () => [0x03, 0x40, 0x41, 0, 0x0d, 0, END]).flat(), END];

function refusal(action: () => unknown): WasmRefusal | null {
  try {
    action();
    return null;
  } catch (error) {
    if (error instanceof WasmRefusal) return error;
    throw error;
  }
}

describe("refused", () => {
  test.each<[string, () => Uint8Array, string]>([
    [
      "types that take megabytes",
      () => moduleOf(wideTypes(9_000)),
      "section 1 has 8946002 bytes, the limit is 8388608",
    ],
    [
      "a constant expression of megabytes",
      () =>
        moduleOf([
          6,
          (section) => {
            repeated(section, 1, [1, 0x7f, 0, 0x41, 0]);
            repeated(section, 3_000_000, [0x41, 0, 0x6a]);
            section.byte(END);
          },
        ]),
      "section 6 has 9000006 bytes, the limit is 8388608",
    ],
    ["exports without number", () => withExports(NO_PARAMETERS, 20_001, [0, END]), "20001 exports, the limit is 20000"],
    [
      "wrappers that take megabytes: small functions with many parameters, all exported",
      () => withExports(wideTypes(1), 20_000, [0, END]),
      "what is added to the module takes more than 4194304 bytes",
    ],
    [
      "types that would have to be made again with megabytes",
      () =>
        moduleOf(
          wideTypes(5_000),
          [
            3,
            (section) => {
              section.u32(5_000);
              for (let index = 0; index < 5_000; index++) section.u32(index);
            },
          ],
          [
            10,
            (section) => {
              section.u32(5_000);
              repeated(section, 5_000, [9, 0, 0x03, 0x40, 0x41, 0, 0x0d, 0, END, END]);
            },
          ],
        ),
      "what is added to the module takes more than 4194304 bytes",
    ],
  ])("%s", (_, make, message) => {
    const module = make();
    expect(module.length).toBeLessThan(10_000_000);
    const refused = refusal(() => rewriteModule(module, { ...POLICY, hideTables: true }));
    expect(refused).toMatchObject({ code: "WASM_LIMIT" });
    expect(refused?.message).toContain(message);
  });

  test("an output above the policy's bytes, before all of it is written", () => {
    const module = moduleOf(NO_PARAMETERS, ...functions(2_000, LOOPS));
    const size = rewriteModule(module, POLICY).size;
    expect(rewriteModule(module, { ...POLICY, outputBytes: size }).size).toBe(size);
    const refused = refusal(() => rewriteModule(module, { ...POLICY, outputBytes: 1_000_000 }));
    expect(refused).toMatchObject({ code: "WASM_LIMIT" });
    expect(refused?.message).toContain("the module has more than 1000000 bytes after rewriting");
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 13])("a count beyond the bytes of section %i", (id) => {
    const module = moduleOf([id, (section) => repeated(section, 1, [0xff, 0xff, 0xff, 0xff, 0x0f])]);
    for (const read of [() => inspectModule(module), () => rewriteModule(module, POLICY)]) {
      expect(refusal(read)?.code).toMatch(/^WASM_(MALFORMED|LIMIT)$/);
    }
  });
});

/** Milliseconds for a module of some megabytes; a healthy machine takes a tenth. */
const PATIENCE = 20_000;

describe("carried in a time that the size explains", () => {
  test.each<[string, () => Uint8Array]>([
    ["half a million functions", () => moduleOf(NO_PARAMETERS, ...functions(500_000, [0, END]))],
    ["deep nesting", () => moduleOf(NO_PARAMETERS, ...functions(20, nested(49_000)))],
    [
      "functions with 49,000 locals",
      () => moduleOf(NO_PARAMETERS, ...functions(20_000, [1, ...leb(49_000), 0x7f, END])),
    ],
    ["locals one by one", () => moduleOf(NO_PARAMETERS, ...functions(40, localsOneByOne(49_000)))],
    ["branch tables", () => moduleOf(NO_PARAMETERS, ...functions(20, branchTable(65_000)))],
    ["a hundred thousand globals", () => moduleOf([6, globals])],
  ])(
    "%s",
    (_, make) => {
      const module = make();
      const start = performance.now();
      for (const chunk of rewriteModule(module, POLICY).chunks) expect(chunk.length).toBeGreaterThan(0);
      expect(performance.now() - start).toBeLessThan(PATIENCE);
    },
    60_000,
  );
});

function nested(depth: number): number[] {
  const blocks = Array.from({ length: depth }, () => [0x02, 0x40]).flat();
  return [0, ...blocks, ...Array.from({ length: depth }, () => END), END];
}

function localsOneByOne(count: number): number[] {
  return [...leb(count), ...Array.from({ length: count }, () => [1, 0x7f]).flat(), END];
}

function branchTable(labels: number): number[] {
  return [0, 0x41, 0, 0x0e, ...leb(labels), ...Array.from({ length: labels + 1 }, () => 0), END];
}

function globals(section: ByteWriter): void {
  section.u32(100_000);
  repeated(section, 100_000, [0x7f, 1, 0x41, 0, END]);
}
