import { main } from "assemblyscript/asc";
import { describe, expect, test } from "vitest";
import { placesOf, sourceMapPaths } from "../../../worker/control/profiles/source-map-rules.ts";
import { readFunctionNames, shownName } from "../../../worker/execution/metering/function-names.ts";
import { bytes, HEADER, section, text } from "../metering/binary.ts";
import { wat } from "../metering/wat.ts";

describe("names of functions", () => {
  test("come from the name section, else from exports, else from the index; imports from whom they belong to", () => {
    const module = wat(`(module
      (import "extism:host/env" "alloc" (func $mine (param i64) (result i64)))
      (import "extism:host/env" "http_request" (func $b (param i64 i64) (result i64)))
      (import "env" "extism_log_info" (func $c (param i64)))
      (import "wasi_snapshot_preview1" "fd_write" (func $d (param i32 i32 i32 i32) (result i32)))
      (import "extism:host/user" "http_send" (func $e (param i64 i64) (result i64)))
      (import "lib" "add" (func $f))
      (func $named) (func (export "exported")) (func))`);
    expect(readFunctionNames(module).names).toEqual([
      "[kernel] alloc",
      "[host] http_request",
      "[host] log_info",
      "[wasi] fd_write",
      "[host] http_send",
      "[module] lib.add",
      "named",
      "exported",
      "func[8]",
    ]);
  });

  const twoFunctions = [...section(1, [1, 0x60, 0, 0]), ...section(3, [2, 0, 0])];
  const bodies = section(10, [2, 2, 0, 0x0b, 2, 0, 0x0b]);
  const nameSection = (map: readonly number[]): number[] => section(0, [...text("name"), 1, map.length, ...map]);

  test.each<[string, readonly number[], string[]]>([
    ["a section cut short", [2, 0, ...text("first"), 1, 9], ["first", "func[1]"]],
    ["a name that is not UTF-8", [2, 0, 2, 0xff, 0xfe, 1, ...text("second")], ["func[0]", "func[1]"]],
    ["an empty name", [1, 1, 0], ["func[0]", "func[1]"]],
    ["a function that is not there", [1, 99, ...text("ghost")], ["func[0]", "func[1]"]],
  ])("survive %s", (_name, map, expected) => {
    expect(readFunctionNames(bytes(HEADER, twoFunctions, bodies, nameSection(map))).names).toEqual(expected);
  });

  test("are bounded, and show nothing that moves the text around them", () => {
    expect(shownName("a\u0000b\u001b[31m\u202ec\n\u2028")).toBe("a\\u{0}b\\u{1b}[31m\\u{202e}c\\u{a}\\u{2028}");
    expect(shownName("x".repeat(10_000))).toBe(`${"x".repeat(127)}…`);
    expect(shownName("\u0007".repeat(10_000)).length).toBeLessThanOrEqual(257);
    expect(shownName("\ud800")).toBe("\ufffd");
  });
});

describe("a source map", () => {
  test("of AssemblyScript places its functions", async () => {
    const files: Record<string, string> = {
      "count.ts": `
        function twice(x: i32): i32 {
          let sum = 0;
          for (let i = 0; i < x; i++) sum += 2;
          return sum;
        }

        export function run(): i32 {
          return twice(5) + twice(6);
        }`,
    };
    const written = new Map<string, Uint8Array | string>();
    const { error } = await main(["count.ts", "--outFile", "out.wasm", "--sourceMap", "--debug", "--runtime", "stub"], {
      readFile: (name) => files[name] ?? null,
      writeFile: (name, contents) => void written.set(name, contents),
      listFiles: () => [],
    });
    expect(error).toBeNull();
    const named = readFunctionNames(written.get("out.wasm") as Uint8Array);
    expect(sourceMapPaths("plugin/out.wasm", named.sourceMapUrl)).toEqual(["plugin/out.wasm.map"]);
    const { files: sources, places } = placesOf(String(written.get("out.wasm.map")), named.bodies);
    const placeOf = (name: string): string => {
      const at = 2 * (named.names.indexOf(name) - named.importedFunctions);
      return `${sources[places[at] ?? -1]}:${places[at + 1]}`;
    };
    expect(placeOf("count/twice")).toBe("count.ts:3");
    expect(placeOf("count/run")).toBe("count.ts:9");
  });

  test("that cannot be read, or says nothing of a function, places nothing", () => {
    const bodyOffsets = Uint32Array.of(10, 20, 20, 30);
    for (const map of [
      "{",
      "[]",
      "null",
      '{"version":3}',
      '{"version":3,"sections":[]}',
      '{"version":3,"sources":5}',
    ]) {
      expect(placesOf(map, bodyOffsets)).toEqual({ files: [], places: [-1, -1, -1, -1] });
    }
    const odd = JSON.stringify({ version: 3, sources: [5, null, {}], names: [], mappings: "!!!!,AAAA;" });
    expect(placesOf(odd, bodyOffsets).places).toEqual([-1, -1, -1, -1]);
    // Column 25, first file, line 3.
    const map = JSON.stringify({ version: 3, sources: ["a.c"], names: [], mappings: "yBAEA" });
    expect(placesOf(map, bodyOffsets)).toEqual({ files: ["a.c"], places: [-1, -1, 0, 3] });
  });

  test("is looked for beside the module only", () => {
    expect(sourceMapPaths("plugin.wasm", undefined)).toEqual(["plugin.wasm.map"]);
    expect(sourceMapPaths("dist/p.wasm", "https://example.org/x/other.map")).toEqual([
      "dist/other.map",
      "dist/p.wasm.map",
    ]);
    expect(sourceMapPaths("p.wasm", "../../etc/passwd")).toEqual(["passwd", "p.wasm.map"]);
  });
});
