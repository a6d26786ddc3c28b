import { readdir, readFile, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildPlugins } from "../../../scripts/build-plugins.ts";
import { AbiHost } from "./abi-host.ts";
import { ProjectCopy } from "./project-copy.ts";

/** The example plugin of the AssemblyScript binding, built the way the built-in plugins are. */

const MODULE = "dist/plugins/binding-example/plugin.wasm";
const SOURCE = "wasm-plugins/example/src/index.ts";

let project: ProjectCopy;
let module: WebAssembly.Module;

beforeAll(async () => {
  project = await ProjectCopy.with("sdk/bindings/assemblyscript/example");
  // The example imports the binding relative to where it lies; as a plugin it lies elsewhere.
  const source = await readFile(project.file(SOURCE), "utf8");
  await writeFile(
    project.file(SOURCE),
    source.replace('"../../index"', '"../../../sdk/bindings/assemblyscript/index"'),
  );
  await buildPlugins({ root: project.root, log: () => {} });
  module = new WebAssembly.Module(await readFile(project.file(MODULE)));
}, 120_000);

afterAll(async () => {
  await project[Symbol.asyncDispose]();
});

describe("buildPlugins", () => {
  test("writes module, manifest and stamp, and nothing unfinished", async () => {
    const files = await readdir(project.file("dist/plugins/binding-example"));
    expect(files.sort()).toEqual([".inputs-sha256", "manifest.json", "plugin.wasm"]);
  });

  test("skips unchanged inputs; README and cases are none", async () => {
    const lines: string[] = [];
    await writeFile(project.file("wasm-plugins/example/README.md"), "# Example");
    await writeFile(project.file("wasm-plugins/example/cases.json"), "[]");
    const built = await buildPlugins({ root: project.root, log: (line) => lines.push(line) });
    expect(built.map((plugin) => [plugin.id, plugin.built])).toEqual([["binding-example", false]]);
    expect(lines).toEqual(["plugin binding-example: unchanged"]);
  });

  test("the same source gives the same bytes", async () => {
    const before = await readFile(project.file(MODULE));
    const source = await readFile(project.file(SOURCE), "utf8");
    await writeFile(project.file(SOURCE), `${source}// A comment changes the digest, not the module.\n`);
    const lines: string[] = [];
    const [plugin] = await buildPlugins({ root: project.root, log: (line) => lines.push(line) });
    expect(plugin?.built).toBe(true);
    expect(lines).toEqual([
      expect.stringMatching(/^plugin binding-example: \d+\.\d KiB \(\d+\.\d KiB gzip\), built in \d+\.\d s$/),
    ]);
    expect((await readFile(project.file(MODULE))).equals(before)).toBe(true);
  }, 60_000);

  test("a compile error names file and problem, and leaves no stamp to skip by", async () => {
    const source = await readFile(project.file(SOURCE), "utf8");
    await writeFile(project.file(SOURCE), `${source}export const broken: i32 = "text";\n`);
    await expect(buildPlugins({ root: project.root, log: () => {} })).rejects.toThrow(
      /^wasm-plugins\/example\/src\/index\.ts does not compile:\n[^]*TS2322[^]*index\.ts/,
    );
    await writeFile(project.file(SOURCE), source);
    const [plugin] = await buildPlugins({ root: project.root, log: () => {} });
    expect(plugin?.built).toBe(true);
  }, 60_000);

  test("a wrong manifest is refused before anything is built", async () => {
    const manifest = await readFile(project.file("wasm-plugins/example/manifest.json"), "utf8");
    await writeFile(project.file("wasm-plugins/example/manifest.json"), manifest.replace('"utility"', '"gadget"'));
    await expect(buildPlugins({ root: project.root, log: () => {} })).rejects.toMatchObject({
      code: "MANIFEST_INVALID",
      message: "The manifest is not valid: at /type: must be one of processor, connector, analyzer, utility.",
    });
    await writeFile(project.file("wasm-plugins/example/manifest.json"), manifest);
  });
});

describe("the AssemblyScript binding", () => {
  test.each(["", "a", "1234567", "12345678", "123456789", "é", "日本語 😀", "x".repeat(70_001)])(
    "echoes %s",
    (text) => {
      const host = new AbiHost(module);
      expect(host.call("echo", text)).toMatchObject({ result: 0, output: text, error: undefined });
      expect(host.leakedBlocks).toBe(0);
    },
  );

  test("typed JSON, configuration, variables and logs carry text beyond ASCII and free their blocks", () => {
    const host = new AbiHost(module, { greeting: "Héllo 👋" });
    const input = JSON.stringify({ name: "Żółć" });
    expect(JSON.parse(host.call("greet", input).output)).toEqual({ text: "Héllo 👋, Żółć!", visits: 1 });
    expect(JSON.parse(host.call("greet", input).output)).toEqual({ text: "Héllo 👋, Żółć!", visits: 2 });
    expect(host.leakedBlocks).toBe(0);
    expect(host.logs).toEqual(["info greeted Żółć", "info greeted Żółć"]);
    expect([...host.variables]).toEqual([["visits:Żółć", new TextEncoder().encode("2")]]);
  });

  test("a configuration key that is not set is null", () => {
    const call = new AbiHost(module).call("greet", JSON.stringify({ name: "Ann" }));
    expect(JSON.parse(call.output)).toEqual({ text: "Hello, Ann!", visits: 1 });
  });

  test("variables keep bytes, and an empty value forgets them", () => {
    const host = new AbiHost(module);
    const bytes = Uint8Array.from([0xc3, 0xa9, 0, 1, 2, 3, 4, 5, 6]);
    host.call("remember", bytes);
    expect(host.variables.get("kept")).toEqual(bytes);
    expect(host.call("remember").output).toBe("é\0\u0001\u0002\u0003\u0004\u0005\u0006");
    expect(host.variables.has("kept")).toBe(false);
    expect(host.leakedBlocks).toBe(0);
  });

  test("messages below the host's level are not sent", () => {
    const host = new AbiHost(module); // at level debug
    host.call("chatter");
    expect(host.logs).toEqual(["debug d", "info i", "warn w", "error é 😀"]);
    expect(host.leakedBlocks).toBe(0);
  });

  test("fail sets the error and returns 1", () => {
    const host = new AbiHost(module);
    expect(host.call("refuse", "ö")).toEqual({ result: 1, output: "", error: "ünusable: ö", trap: undefined });
    expect(host.leakedBlocks).toBe(0);
  });

  test("a thrown error reaches the host with its place, and the module traps", () => {
    const call = new AbiHost(module).call("crash");
    expect(call.error).toMatch(/^brökén at wasm-plugins\/example\/src\/index\.ts:\d+:\d+$/);
    expect(call).toMatchObject({ result: undefined, trap: "unreachable" });
  });

  test("text that is not UTF-8 is an error, not a wrong text", () => {
    const call = new AbiHost(module).call("refuse", Uint8Array.from([0x61, 0xff]));
    expect(call.error).toMatch(/^input is not valid UTF-8: first wrong byte at offset 1 at sdk\/bindings\//);
  });
});
