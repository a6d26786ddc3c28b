import { readFile } from "node:fs/promises";
import path from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { METERING_EXPORTS } from "../../../sdk/contract/metering-abi.ts";
import { DEFAULT_LIMITS } from "../../../sdk/contract/limits.ts";
import { parseManifestText } from "../../../sdk/contract/manifest.ts";
import { rewriteModule } from "../../../worker/execution/metering/rewrite.ts";
import cases from "../../../wasm-plugins/sentiment/cases.json" with { type: "json" };
import { AbiHost } from "./abi-host.ts";
import { builtModule, callOnce, ROOT } from "./built-plugin.ts";

const FOLDER = path.join(ROOT, "wasm-plugins/sentiment");
const MAX_CHARACTERS = 100_000;

let module: WebAssembly.Module;

beforeAll(async () => {
  module = await builtModule("sentiment");
}, 180_000);

interface Case {
  readonly name: string;
  readonly function: string;
  readonly input: unknown;
  readonly config?: Record<string, string>;
  readonly output?: unknown;
  readonly error?: string;
}

function inputOf({ input }: Case): string {
  return typeof input === "string" ? input : JSON.stringify(input);
}

describe("cases.json", () => {
  // The JSON import types each entry by its own keys; `Case` is their common shape.
  test.each(cases as readonly Case[])("$name", async (entry) => {
    const call = await callOnce(module, entry.function, inputOf(entry), entry.config);
    expect(call).toEqual(
      entry.error === undefined ? { output: entry.output } : { error: `Plugin-originated error: ${entry.error}` },
    );
  });

  test.each(cases as readonly Case[])("frees what it owns and nothing else: $name", (entry) => {
    const host = new AbiHost(module, entry.config);
    const call = host.call(entry.function, inputOf(entry));
    expect(call.trap).toBeUndefined();
    expect(call).toMatchObject(
      entry.error === undefined ? { result: 0 } : { result: 1, error: entry.error, output: "" },
    );
    expect(host.leakedBlocks).toBe(0);
  });
});

describe("the module", () => {
  test("imports nothing but the host functions it uses", () => {
    const imports = WebAssembly.Module.imports(module);
    expect(new Set(imports.map((entry) => entry.module))).toEqual(new Set(["extism:host/env"]));
    expect(imports.map((entry) => entry.name).filter((name) => /http|var_|log_/.test(name))).toEqual([]);
  });

  test("exports its functions and its memory", () => {
    expect(WebAssembly.Module.exports(module).map(({ name }) => name)).toEqual([
      "analyze",
      "batch",
      "health_check",
      "memory",
    ]);
  });

  test("has a valid manifest whose functions exist and whose version health_check reports", async () => {
    const manifest = parseManifestText(await readFile(path.join(FOLDER, "manifest.json")));
    const exports = new Set(WebAssembly.Module.exports(module).map(({ name }) => name));
    const named = [
      manifest.defaultFunction,
      ...(manifest.api?.endpoints ?? []).map((endpoint) => endpoint.function),
      ...manifest.services.provides.map((service) => service.function),
    ];
    expect(named.filter((name) => name === undefined || !exports.has(name))).toEqual([]);
    const { output } = await callOnce(module, "health_check", "");
    expect(output).toMatchObject({ plugin: manifest.id, version: manifest.version, status: "healthy" });
  });
});

describe("text", () => {
  const shares = (output: unknown): number => {
    const { positive, negative, neutral } = output as Record<string, number>; // the documented answer
    return (positive ?? NaN) + (negative ?? NaN) + (neutral ?? NaN);
  };

  test.each([
    ["accents", "The café was superb, naïve me expected less."],
    ["Chinese", "服务很好。我喜欢这里！"],
    ["Arabic", "الخدمة ممتازة جدا هنا"],
    ["emoji of several code points", "👨‍👩‍👧‍👦 had fun 🏳️‍🌈 ❤️‍🔥 🤦🏽‍♀️"],
    ["a lone surrogate", "bad \\ud83d good"],
    ["control characters", "bad \\u0000 \\u001f good"],
    ["byte order mark", "\ufeffgreat"],
  ])("%s: sentences come back as they were, shares add up to 1", async (_, text) => {
    const input = `{"text":"${text}","options":{"detailed":true}}`;
    const { output } = await callOnce(module, "analyze", input);
    // What the ABI carries is UTF-8, which has no lone surrogates.
    const sent = new TextDecoder("utf-8", { ignoreBOM: true }).decode(
      new TextEncoder().encode((JSON.parse(input) as { text: string }).text),
    );
    const { sentences } = output as { sentences: { text: string; start: number; end: number }[] };
    expect(sentences.length).toBeGreaterThan(0);
    expect(sentences.map((sentence) => sentence.text)).toEqual(
      sentences.map((sentence) => sent.slice(sentence.start, sentence.end)),
    );
    expect(shares(output)).toBeCloseTo(1, 10);
  });

  test.each([
    ["a stray continuation byte", [0x68, 0x80], 1],
    ["an overlong form", [0xc0, 0xaf], 0],
    ["an encoded surrogate", [0x61, 0x62, 0xed, 0xa0, 0x80], 2],
    ["a sequence cut off", [0x61, 0xf0, 0x9f, 0x98], 1],
    ["a code point above U+10FFFF", [0xf4, 0x90, 0x80, 0x80], 0],
  ])("refuses input that is not UTF-8: %s", async (_, bytes, offset) => {
    expect(await callOnce(module, "analyze", Uint8Array.from(bytes))).toEqual({
      error: `Plugin-originated error: input is not valid UTF-8: first wrong byte at offset ${offset}`,
    });
  });

  test("the same input gives the same bytes, in a fresh instance and in a used one", () => {
    const input = JSON.stringify({ text: "Great food, awful noise! 😀 Would I return?", options: { detailed: true } });
    const used = new AbiHost(module);
    const first = used.call("analyze", input).output;
    used.call("batch", JSON.stringify(["Something else.", "entirely!"]));
    expect(used.call("analyze", input).output).toBe(first);
    expect(new AbiHost(module).call("analyze", input).output).toBe(first);
  });
});

describe("limits", () => {
  test.each([
    ["analyze", { text: "a".repeat(MAX_CHARACTERS + 1) }, "text has 100001 characters; the limit is 100000"],
    ["batch", ["a".repeat(60_000), "b".repeat(60_000)], "texts has 120000 characters; the limit is 100000"],
    ["batch", Array.from({ length: 257 }, () => "a"), "texts has more than 256 entries, which is the limit"],
  ])("%s refuses more than it can take", async (name, input, message) => {
    expect(await callOnce(module, name, JSON.stringify(input))).toEqual({
      error: `Plugin-originated error: ${message}`,
    });
  });

  test("lists the first 1000 sentences and counts all", async () => {
    const text = "Good. ".repeat(1_500);
    const { output } = await callOnce(module, "analyze", JSON.stringify({ text, options: { detailed: true } }));
    const { sentences, sentenceCount } = output as { sentences: unknown[]; sentenceCount: number };
    expect([sentences.length, sentenceCount]).toEqual([1_000, 1_500]);
  });

  test.each([
    ["words", "good bad "],
    ["single letters", "a "],
    ["emoji", "😀"],
    ["two emoji", "😀😡"],
    ["commas", "a,"],
    ["sentences", "a! "],
    ["abbreviations", "Dr. "],
    ["lines", "a\n "],
    ["elongated words", "goood "],
    ["emoticons", ":) "],
    ["negators", "not good "],
    ["phrases", "not a single "],
    ["remedies", "fixed a "],
    ["colons", ":"],
    ["no spaces at all", "好"],
    ["escapes", "\u0001"],
  ])("the worst text of 100,000 characters stays within the manifest's memory and fuel: %s", async (_, unit) => {
    const { limits } = parseManifestText(await readFile(path.join(FOLDER, "manifest.json")));
    const host = new AbiHost(await metered((limits.memory ?? DEFAULT_LIMITS.memory) / 65_536));
    const text = unit.repeat(MAX_CHARACTERS / unit.length);
    const fuel = BigInt(limits.fuel ?? DEFAULT_LIMITS.fuel);
    // The rewriter appends these globals.
    (host.instance.exports[METERING_EXPORTS.fuel] as WebAssembly.Global).value = fuel;
    (host.instance.exports[METERING_EXPORTS.depth] as WebAssembly.Global).value = DEFAULT_LIMITS.callDepth;
    (host.instance.exports[METERING_EXPORTS.start] as () => void)();
    expect(host.call("analyze", JSON.stringify({ text, options: { detailed: true } }))).toMatchObject({
      result: 0,
      error: undefined,
      trap: undefined,
    });
  });
});

async function metered(memoryPages: number): Promise<WebAssembly.Module> {
  const bytes = await readFile(path.join(ROOT, "dist/plugins/sentiment/plugin.wasm"));
  const { chunks } = rewriteModule(bytes, {
    memoryPages,
    tableElements: DEFAULT_LIMITS.tableEntries,
    callDepth: DEFAULT_LIMITS.callDepth,
  });
  return new WebAssembly.Module(Buffer.concat([...chunks]));
}
