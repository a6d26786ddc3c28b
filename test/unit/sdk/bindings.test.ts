import { readFile } from "node:fs/promises";
import path from "node:path";
import { expect, test } from "vitest";
import { BINDINGS, boundFunctions, renderBinding } from "../../../scripts/build-bindings.ts";
import { HOST_FUNCTIONS, KERNEL_FUNCTIONS } from "../../../sdk/contract/extism-abi.ts";
import { LOCAL_FUNCTIONS, STREAM_FUNCTIONS, USER_FUNCTIONS } from "../../../sdk/contract/user-functions.ts";

const ROOT = path.resolve(import.meta.dirname, "../../..");

function text(file: string): Promise<string> {
  return readFile(path.join(ROOT, file), "utf8");
}

test("the functions to bind are those of the contract's tables, each with its type", () => {
  const tables = [KERNEL_FUNCTIONS, HOST_FUNCTIONS, LOCAL_FUNCTIONS, STREAM_FUNCTIONS, USER_FUNCTIONS];
  expect(boundFunctions().map(({ name }) => name)).toEqual(tables.flatMap((table) => Object.keys(table)));
  expect(boundFunctions().find(({ name }) => name === "store_u8")).toMatchObject({
    parameters: ["i64", "i32"],
    result: undefined,
  });
  expect(boundFunctions().find(({ name }) => name === "storage_get")).toMatchObject({
    module: "extism:host/user",
    parameters: ["i64", "i64"],
    result: "i64",
    capability: "storage",
  });
});

test.each(BINDINGS)("$file is as `node scripts/build-bindings.ts` writes it", async (binding) => {
  expect(await text(binding.file)).toBe(await renderBinding(ROOT, binding));
});

test("AssemblyScript's declarations of Extism's functions have the contract's types", async () => {
  const declared = await text("sdk/bindings/assemblyscript/abi.ts");
  const types = { u32: "i32", i32: "i32", u64: "i64", void: "" } as const;
  const pattern = /@external\("extism:host\/env", "(\w+)"\)\nexport declare function \w+\(([^)]*)\): (\w+);/g;
  const found = [...declared.matchAll(pattern)].map(([, name = "", parameters = "", result = ""]) => {
    const list = [...parameters.matchAll(/: (u32|u64|i32)/g)].map(([, type]) => types[type as keyof typeof types]); // the pattern says so
    return [name, `(${list.join(", ")}) -> ${types[result as keyof typeof types] || "()"}`];
  });
  const abi: Readonly<Record<string, string>> = { ...KERNEL_FUNCTIONS, ...HOST_FUNCTIONS };
  expect(found.length).toBe(declared.match(/@external/g)?.length);
  expect(found).toEqual(found.map(([name = ""]) => [name, abi[name]]));
});

test("AssemblyScript has a typed function for each of the platform's", async () => {
  const names = ["analytics", "cache", "context", "database", "events", "files", "findings", "http", "keys", "oauth"];
  const files = [...names, "services", "storage", "webhooks"].map((name) => `capabilities/${name}.ts`);
  const used = (
    await Promise.all(
      [...files, "capability-call.ts", "streams.ts"].map((name) => text(`sdk/bindings/assemblyscript/${name}`)),
    )
  ).join("\n");
  const declared = await text("sdk/bindings/assemblyscript/user-functions.ts");
  const functions = [...declared.matchAll(/export declare function (\w+)/g)].map(([, name = ""]) => name);
  expect(functions.filter((name) => !used.includes(`${name}(`))).toEqual([]);
});
