import { expect, test } from "vitest";
import { inspectModule } from "../../../worker/execution/metering/inspect.ts";
import { rewriteModule } from "../../../worker/execution/metering/rewrite.ts";
import { callableFunctions, summariseModule } from "../../../worker/control/packages/module-report.ts";
import { wasm } from "../../fixtures/packages/modules.ts";

test.each<[string, Record<string, string>, string[]]>([
  ["both callable types", { run: "() -> i32", fire: "() -> ()" }, ["run", "fire"]],
  ["parameters and other results", { add: "(i32) -> i32", wide: "() -> i64", run: "() -> i32" }, ["run"]],
  [
    "what compilers add",
    { _initialize: "() -> ()", __wasm_call_ctors: "() -> ()", asyncify_stop_unwind: "() -> ()", run: "() -> ()" },
    ["run"],
  ],
  ["_start beside others", { _start: "() -> ()", run: "() -> ()" }, ["run"]],
  ["_start alone: a command", { _start: "() -> ()", malloc: "(i32) -> i32" }, ["_start"]],
  ["a name that no path can carry", { "a b": "() -> ()" }, []],
])("callable functions: %s", (_name, functions, callable) => {
  expect(callableFunctions(inspectModule(wasm({ functions })))).toEqual(callable);
});

test("the summary says what a module needs", () => {
  const host = "extism:host/env";
  const module = wasm({
    imports: [
      { module: host, name: "http_request", type: "(i64, i64) -> i64" },
      { module: "wasi_snapshot_preview1", name: "poll_oneoff", type: "(i32, i32, i32, i32) -> i32" },
    ],
    memoryPages: 3,
  });
  const rewritten = rewriteModule(module, { memoryPages: 64, tableElements: 10, callDepth: 100 });
  expect(summariseModule(inspectModule(module), rewritten.report)).toMatchObject({
    bytes: module.length,
    functions: ["run"],
    capabilities: ["http"],
    suspends: true,
    memory: { minimumPages: 3, maximumPages: null },
    producers: [],
    rewriting: { backend: "register", memoryPages: 64, callDepth: 100, bytes: rewritten.size },
  });
});
