import { readFileSync } from "node:fs";
import path from "node:path";
import { Validator, type Schema } from "@cfworker/json-schema";
import { describe, expect, test } from "vitest";
import { speedscopeFile, type SpeedscopeFile } from "../../../worker/control/profiles/speedscope-report.ts";
import {
  frameOf,
  functionsOf,
  isTruncated,
  SHOWN,
  treeOf,
  type FrameNames,
  type ModuleNames,
} from "../../../worker/control/profiles/tree-report.ts";
import type { CallProfile } from "../../../sdk/contract/profile.ts";
import { profiledCall } from "./profiled-guest.ts";

const SOURCE = `(module (import "env" "host" (func))
  (func $fib (param i32) (result i32)
    (if (result i32) (i32.lt_s (local.get 0) (i32.const 2)) (then (local.get 0))
      (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))
                     (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
  (func $deep (param i32) (if (local.get 0) (then (call $deep (i32.sub (local.get 0) (i32.const 1))))))
  (func (export "f") (param i32) (result i32) (call 0) (call $deep (local.get 0)) (call $fib (i32.const 6))))`;

const MAIN: ModuleNames = {
  name: "main",
  names: ["[host] host", "fib", "fib", "f"],
  importedFunctions: 1,
  files: ["src/a.c"],
  places: [0, 7, -1, -1, 0, 12],
};
const LIB: ModuleNames = { name: "lib", names: ["add"], importedFunctions: 0, files: ["b.c"], places: [0, 3] };
const NAMES: FrameNames = { modules: [MAIN, LIB] };

function call(depth: number) {
  const policy = { callDepth: 10_240 };
  const imports = { env: { host: () => {} } };
  return profiledCall(SOURCE, "f", [depth], { imports, policy, depth: 10_240 });
}

test("frames have names and places, where these are known", () => {
  expect(frameOf(NAMES, 1)).toEqual({ name: "fib", index: 1, file: "src/a.c", line: 7 });
  expect(frameOf(NAMES, 2)).toEqual({ name: "fib", index: 2 });
  expect(frameOf(NAMES, 4)).toEqual({ name: "lib: add", index: 0, module: "lib", file: "b.c", line: 3 });
  expect(frameOf(NAMES, 9)).toEqual({ name: "func[9]", index: 9 });
  expect(frameOf(NAMES, -1)).toEqual({ name: "[call]", index: null });
  expect(frameOf(NAMES, -2)).toEqual({ name: "[other calls]", index: null });
});

test("totals add up on every level of the tree, the dearest child first", () => {
  const { profile, outcome } = call(20);
  const tree = treeOf(profile, NAMES);
  expect(tree).toMatchObject({ name: "[call]", total: Number(outcome.used), self: 0, calls: 1 });
  const [f] = tree.children;
  expect(f?.name).toBe("f");
  expect(f?.children.map(({ index }) => index)).toEqual([1, 2, 0]);
  const check = (node: typeof tree): void => {
    const { self, total, children } = node;
    expect(total).toBe(children.reduce((sum, child) => sum + child.total, self));
    expect(children.map((child) => child.total)).toEqual(
      children.map((child) => child.total).toSorted((a, b) => b - a),
    );
    for (const child of children) check(child);
  };
  check(tree);
});

test("a function's total counts a recursion once", () => {
  const { profile, outcome } = call(20);
  const functions = functionsOf(profile, NAMES);
  const f = functions.find(({ name }) => name === "f");
  expect(f?.total).toBe(Number(outcome.used));
  for (const { index } of functions.filter(({ name }) => name === "fib")) {
    const node = treeOf(profile, NAMES).children[0]?.children.find((child) => child.index === index);
    expect(functions.find((entry) => entry.index === index)?.total).toBe(node?.total);
  }
  expect(isTruncated(profile)).toBe(false);
  expect(isTruncated(call(1_000).profile)).toBe(true);
});

test("a tree with more paths than are shown keeps the dearest, and all of the fuel", () => {
  const count = 3 * SHOWN.paths;
  // The call, one function, and what it calls: each dearer than the one before.
  const numbers = Int32Array.from({ length: count }, (_, node) => (node === 0 ? -1 : node));
  const paths = {
    functions: numbers,
    parents: Int32Array.from({ length: count }, (_, node) => (node < 2 ? 0 : 1)),
    self: Float64Array.from({ length: count }, (_, node) => node),
    calls: new Float64Array(count).fill(2),
  };
  const fuel = (count * (count - 1)) / 2;
  const profile: CallProfile = { fuel, paths, functions: { ...paths, functions: numbers } };
  const tree = treeOf(profile, NAMES);
  expect(tree.total).toBe(fuel);
  const children = tree.children[0]?.children ?? [];
  expect(children).toHaveLength(SHOWN.paths - 2 + 1);
  const others = children.find(({ name }) => name === "[other calls]");
  const left = count - SHOWN.paths;
  expect(others).toEqual({
    name: "[other calls]",
    index: null,
    self: others?.total,
    total: ((left + 1) * (left + 2)) / 2 - 1,
    calls: 2 * left,
    children: [],
  });
  expect(children.reduce((sum, child) => sum + child.total, 1)).toBe(fuel);
  expect(isTruncated(profile)).toBe(true);
  const functions = functionsOf(profile, NAMES);
  expect(functions).toHaveLength(SHOWN.functions);
  expect(functions[0]?.self).toBe(count - 1);
});

describe("the file for speedscope", () => {
  const schema = JSON.parse(
    readFileSync(
      path.resolve(import.meta.dirname, "../../../node_modules/speedscope/dist/release/file-format-schema.json"),
      "utf8",
    ),
  ) as Schema; // the package's own
  const validator = new Validator(schema, "7", false);

  function fileOf(depth: number): { file: SpeedscopeFile; used: number } {
    const { profile, outcome } = call(depth);
    return { file: speedscopeFile(treeOf(profile, NAMES), "a call"), used: Number(outcome.used) };
  }

  test.each([0, 20, 1_000])("follows the published schema, at depth %i", (depth) => {
    const { file } = fileOf(depth);
    const read: unknown = JSON.parse(JSON.stringify(file));
    expect(validator.validate(read)).toEqual({ valid: true, errors: [] });
    expect(validator.validate({ ...file, shared: {} }).valid).toBe(false);
  });

  /** What speedscope's own reader asks of an evented profile: in order, closed as opened, within its bounds. */
  test.each([0, 20, 1_000])("is read event by event, at depth %i", (depth) => {
    const { file, used } = fileOf(depth);
    const [{ events, startValue, endValue }] = file.profiles;
    expect([startValue, endValue]).toEqual([0, used]);
    const stack: number[] = [];
    const own = new Map<number, number>();
    let last = 0;
    for (const { type, frame, at } of events) {
      expect(at).toBeGreaterThanOrEqual(last);
      const top = stack.at(-1);
      if (top !== undefined) own.set(top, (own.get(top) ?? 0) + at - last);
      last = at;
      expect(file.shared.frames[frame]).toBeDefined();
      if (type === "O") stack.push(frame);
      else expect(stack.pop()).toBe(frame);
    }
    expect(stack).toEqual([]);
    expect(last).toBe(used);
    expect([...own.values()].reduce((sum, self) => sum + self, 0)).toBe(used);
  });

  test("keeps two functions of one name apart, and one function in one frame", () => {
    const { frames } = fileOf(20).file.shared;
    expect(frames.filter(({ name }) => name === "fib")).toHaveLength(2);
    expect(frames).toHaveLength(5);
    expect(frames).toContainEqual({ name: "fib", file: "src/a.c", line: 7 });
  });
});
