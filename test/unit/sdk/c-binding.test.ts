import { execFile } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { c } from "../../../sdk/project/languages/c.ts";
import { checkRequirement } from "../../../sdk/project/languages/requirement.ts";
import { AbiHost } from "../plugins/abi-host.ts";

const run = promisify(execFile);

/** patchbay.h on a host that watches every handle, with JSON as JavaScript reads it to compare with. */

const ROOT = path.resolve(import.meta.dirname, "../../..");
const SOURCE = path.join(ROOT, "test/fixtures/c-binding/plugin.c");
/** A compiler without a C library: it does not know where one would be. */
const BARE_CLANG = '#!/bin/sh\ncase "$*" in *-print-file-name*) exit 1 ;; esac\nexec clang "$@"\n';
const [clang] = c.requirements;
const found = clang && "compiler" in (await checkRequirement(clang, import.meta.dirname));
/** Without packages of npm: clang runs a wasm-opt that it finds. */
const PATH_OF_THE_SYSTEM = (process.env["PATH"] ?? "")
  .split(path.delimiter)
  .filter((entry) => !entry.includes("node_modules"))
  .join(path.delimiter);
let folder: string;
let module: WebAssembly.Module;
let warnings: readonly string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "c-binding-"));
  if (!found) return;
  await mkdir(path.join(folder, "src"));
  await copyFile(SOURCE, path.join(folder, "src/plugin.c"));
  const built = await c.build({ folder, entry: path.join(folder, "src/plugin.c") }, { withParser: false });
  warnings = built.warnings;
  module = await WebAssembly.compile(Uint8Array.from(built.wasm));
});
afterAll(() => rm(folder, { recursive: true }));

interface Read {
  readonly raw: string;
  readonly text?: string;
  readonly integer: number;
  readonly number: number;
  readonly true: boolean;
  readonly has: boolean;
  readonly each: readonly { readonly name?: string; readonly value: string }[];
}

function read(host: AbiHost, json: string, at = ""): Read {
  const call = host.call("read", `${at}\n${json}`);
  expect([call.trap, call.error, host.leakedBlocks]).toEqual([undefined, undefined, 0]);
  return JSON.parse(call.output) as Read; // as the fixture writes it
}

const VALUES: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  -0.001,
  1e21,
  2.5e-7,
  123_456_789_012_345,
  "",
  'a"b\\c/\b\f\n\r\t\u0000\u001f',
  "é日本😀\u2028",
  "}]{[,:",
  [],
  {},
  [[], [{}], "x", [1, [2, [3]]]],
  { a: { b: [{ c: "d" }, null] }, "": 1, "ünï 😀": { x: 2 }, 'q"\\': [true] },
];

/** Every path of a value without a point in a name, with what is there. */
function* pathsOf(value: unknown, before = ""): Generator<readonly [string, unknown]> {
  yield [before, value];
  if (typeof value !== "object" || value === null) return;
  for (const [name, inner] of Object.entries(value)) {
    if (name !== "") yield* pathsOf(inner, before === "" ? name : `${before}.${name}`);
  }
}

describe.skipIf(!found)("patchbay.h", () => {
  test("compiles without a warning", () => {
    expect(warnings).toEqual([]);
  });

  test("reads JSON as JavaScript does, at every path, however it is spaced and escaped", () => {
    const host = new AbiHost(module);
    for (const value of VALUES.flatMap((one) => [...pathsOf(one)].map(([at, inner]) => [one, at, inner] as const))) {
      const [whole, at, expected] = value;
      const compact = JSON.stringify(whole);
      const escaped = compact.replaceAll(
        /[^\0-\u007f]/g,
        (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
      );
      for (const json of [compact, JSON.stringify(whole, undefined, "\t "), ` \r\n${escaped} `]) {
        const answer = read(host, json, at);
        expect(JSON.parse(answer.raw)).toEqual(expected);
        expect(answer.text).toBe(typeof expected === "string" ? expected : undefined);
        expect([answer.true, answer.has]).toEqual([expected === true, expected !== null]);
        if (typeof expected === "number" && Math.abs(expected) < 2 ** 53) {
          expect(answer.number).toBeCloseTo(expected, 6);
          if (Number.isInteger(expected)) expect(answer.integer).toBe(expected);
        }
        const entries = typeof expected === "object" && expected !== null ? Object.entries(expected) : [];
        const named = !Array.isArray(expected);
        expect(answer.each.map((one) => ({ ...one, value: JSON.parse(one.value) as unknown }))).toEqual(
          entries.map(([name, inner]: [string, unknown]) => (named ? { name, value: inner } : { value: inner })),
        );
      }
    }
  });

  test.each(["b", "a.x", "a.0", "c.2", "c.x", "c.0.d", "c.-1", "c.18446744073709551616", "."])(
    "finds nothing at %s",
    (at) => {
      const host = new AbiHost(module);
      expect(read(host, '{"a":{"b":1},"c":[1,2]}', at)).toEqual({});
    },
  );

  test("reads nothing beyond JSON that breaks off or was changed, and ends", () => {
    const host = new AbiHost(module);
    const json = JSON.stringify(VALUES.at(-1));
    for (let end = 0; end < json.length; end++) {
      for (const broken of [
        json.slice(0, end),
        json.slice(0, end) + '"\\{}[],:u'.charAt(end % 9) + json.slice(end + 1),
      ]) {
        for (const at of ["", "a.b.0.c", 'q"\\.0']) {
          const call = host.call("read", `${at}\n${broken}`);
          expect([call.trap, call.error, host.leakedBlocks]).toEqual([undefined, undefined, 0]);
          expect(call.output).not.toBe("");
        }
      }
    }
    expect(host.memoryPages).toBeLessThan(10);
  });

  test("writes numbers and Base64", () => {
    const host = new AbiHost(module);
    expect(host.call("numbers").output).toBe(
      "[-9223372036854775808,9223372036854775807,0,-1.00,1.00,123456790,null,null,null]",
    );
    for (const text of ["", "f", "fo", "foo", "foob", "é😀"]) {
      expect(JSON.parse(host.call("base64", text).output)).toBe(Buffer.from(text).toString("base64"));
    }
  });

  test("passes variables, configuration, logs and errors, and every handle to whom it belongs", () => {
    const host = new AbiHost(module, { word: "😀" });
    expect(host.call("remember", "erßtes").output).toBe("");
    expect(host.call("remember", "").output).toBe("erßtes");
    expect([...host.variables]).toEqual([]);
    expect(host.logs).toEqual(["warn wörd: 😀", "warn wörd: 😀"]);
    expect(host.leakedBlocks).toBe(0);
    expect(host.call("refuse", "ö")).toMatchObject({ result: 1, error: "ünusable: ö", output: "" });
    expect(host.leakedBlocks).toBe(0);
  });

  test("needs no more memory for the second call than for the first, and says so where there is none", () => {
    const host = new AbiHost(module);
    host.call("allocate", "3000000");
    const pages = host.memoryPages;
    host.call("allocate", "3000000");
    expect([host.memoryPages, pages > 45]).toEqual([pages, true]);
    for (const bytes of [2 ** 32 - 1, 2 ** 32 - 200_000]) {
      expect(host.call("allocate_at_once", String(bytes))).toMatchObject({
        error: "the plugin has no memory left",
        trap: "unreachable",
      });
    }
  });

  test("needs no C library, and takes what clang writes calls of from itself", async () => {
    await mkdir(path.join(folder, "bare/bin"), { recursive: true });
    await writeFile(path.join(folder, "bare/bin/clang"), BARE_CLANG, { mode: 0o755 });
    vi.stubEnv("WASI_SDK_PATH", path.join(folder, "bare"));
    const { wasm } = await c.build({ folder, entry: path.join(folder, "src/plugin.c") }, { withParser: false });
    vi.unstubAllEnvs();
    const bare = await WebAssembly.compile(Uint8Array.from(wasm));
    expect(new Set(WebAssembly.Module.imports(bare).map((entry) => entry.module))).toEqual(
      new Set(["extism:host/env"]),
    );
    expect(WebAssembly.Module.exports(bare).map(({ name }) => name)).not.toContain("_initialize");
    expect(read(new AbiHost(bare), '{"a":["é\\n"]}', "a.0")).toMatchObject({ text: "é\n" });
  });

  test("compiles as its README says", async () => {
    const readme = await readFile(path.join(ROOT, "sdk/bindings/c/README.md"), "utf8");
    const commands = [...readme.matchAll(/^ {4}clang (.*) plugin\.c$/gm)].map(([, args = ""]) => args.split(" "));
    expect(commands).toHaveLength(2);
    for (const args of commands) {
      const include = ["-I", path.join(ROOT, "sdk/bindings/c"), SOURCE];
      await run("clang", [...args, ...include], { cwd: folder, env: { ...process.env, PATH: PATH_OF_THE_SYSTEM } });
      const made = await WebAssembly.compile(await readFile(path.join(folder, "plugin.wasm")));
      expect(new AbiHost(made).call("refuse", "ö").error).toBe("ünusable: ö");
    }
  });
});
