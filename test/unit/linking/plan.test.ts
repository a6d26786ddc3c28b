import { describe, expect, test } from "vitest";
import { isReservedModuleName, MODULE_NAME_PATTERN, parseRelayName, relayName } from "../../../sdk/contract/linking.ts";
import { relayModule } from "../../../worker/execution/linking/relay.ts";
import { planCapacity, planLinks, type NamedModule } from "../../../worker/execution/linking/plan.ts";
import { splitSignature, typeThatCannotCross } from "../../../worker/execution/linking/signature.ts";
import { inspectModule } from "../../../worker/execution/metering/inspect.ts";
import { wat } from "../metering/wat.ts";

function moduleOf(name: string, source: string): NamedModule {
  return { name, report: inspectModule(wat(`(module ${source})`)) };
}

function importing(...modules: string[]): string {
  return modules.map((module) => `(import "${module}" "f" (func))`).join(" ");
}

describe("the order of modules", () => {
  test("is dependencies first, whatever the manifest's order", () => {
    const modules = [
      moduleOf("main", importing("a", "b")),
      moduleOf("b", importing("a", "c")),
      moduleOf("a", importing("c")),
      moduleOf("c", importing("extism:host/env")),
    ];
    expect(planLinks(modules)).toEqual({ order: ["c", "a", "b", "main"], relayed: [] });
  });

  test("a circle is cut where the importer comes first, once for each function", () => {
    const modules = [
      moduleOf("main", importing("a")),
      moduleOf("a", `${importing("b", "main")} (import "main" "f" (func))`),
      moduleOf("b", importing("a", "main")),
    ];
    expect(planLinks(modules)).toEqual({
      order: ["b", "a", "main"],
      relayed: [
        { module: "main", name: "f", type: "() -> ()" },
        { module: "a", name: "f", type: "() -> ()" },
      ],
    });
  });

  test("modules that nobody imports come last", () => {
    const modules = [moduleOf("main", ""), moduleOf("lonely", importing("other")), moduleOf("other", "")];
    expect(planLinks(modules).order).toEqual(["main", "other", "lonely"]);
  });
});

test("memory is shared, tables are divided", () => {
  const reports = ["(memory 2) (table 10 funcref)", "(memory 3 4)", ""].map((source) => moduleOf("m", source).report);
  expect(planCapacity(reports, { memoryPages: 16, tableElements: 100 })).toEqual({
    sparePages: 11,
    shares: [
      { memoryPages: 13, tableElements: 40 },
      { memoryPages: 14, tableElements: 30 },
      { memoryPages: 11, tableElements: 30 },
    ],
  });
});

test("the relay is valid, deterministic and named after its targets", () => {
  const functions = [
    { module: "a/b", name: "x#y", type: "(i32, i64, f32, f64, v128) -> (v128, i32)" },
    { module: "main", name: "", type: "() -> ()" },
  ];
  const bytes = relayModule(functions);
  expect(relayModule(functions)).toEqual(bytes);
  const { exports } = inspectModule(bytes);
  expect(WebAssembly.Module.exports(new WebAssembly.Module(bytes)).map(({ name }) => name)).toEqual([
    "table",
    "a/b#x#y",
    "main#",
  ]);
  expect(exports.map(({ type }) => type)).toEqual([undefined, functions[0]?.type, functions[1]?.type]);
  for (const { module, name } of functions)
    expect(parseRelayName(relayName({ module, name }))).toEqual({ module, name });
});

test.each([
  { type: "() -> ()", parameters: [], results: [] },
  { type: "(i32) -> f64", parameters: ["i32"], results: ["f64"] },
  { type: "(i32, v128) -> (i64, i64)", parameters: ["i32", "v128"], results: ["i64", "i64"] },
  { type: "((ref null 3)) -> (ref extern)", parameters: ["(ref null 3)"], results: ["(ref extern)"] },
])("$type", ({ type, parameters, results }) => {
  expect(splitSignature(type)).toEqual({ parameters, results });
  expect(typeThatCannotCross(type)).toBe([...parameters, ...results].find((name) => name.startsWith("(ref")));
});

test.each([
  ["lib", true, false],
  ["acme/strings.v2", true, false],
  ["main", true, true],
  ["env", true, true],
  ["extism:host/env", true, true],
  ["extism:anything", true, true],
  ["wasi_snapshot_preview1", true, true],
  ["wasi:cli/run", true, true],
  ["__patchbay", false, true],
  ["__proto__", false, false],
  ["constructor", true, false],
  ["a#b", false, false],
  ["", false, false],
  ["über", false, false],
  ["x".repeat(65), false, false],
])("module name %s", (name, fits, reserved) => {
  expect([MODULE_NAME_PATTERN.test(name), isReservedModuleName(name)]).toEqual([fits, reserved]);
});
