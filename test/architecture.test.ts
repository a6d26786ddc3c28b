import { describe, expect, test } from "vitest";
import { layerOf, mayImport } from "./support/node/layers.ts";
import { projectFiles, readSource, ROOT, type SourceFile } from "./support/node/source-files.ts";
import { existsSync } from "node:fs";
import path from "node:path";

/** The rules of docs/architecture.md that a machine can hold. Every failure names the file and the rule. */

const FILE_LINES = 400;
const FUNCTION_LINES = 50;
/** Long because they are tables: rows, not logic. */
const TABLE_FILES = /(^|\/)([a-z-]*(lexicon|table|opcodes|costs)[a-z-]*|schema|errors|events)\.ts$|\.generated\./;
const BANNED_NAMES = /(^|[-/.])(utils?|helpers?|common|misc|manager|impl)([-/.]|$)/i;
const IMPURE_PACKAGES = /^(cloudflare:|hono|drizzle-orm|jose)/;
const IMPURE_MEMBERS = new Set([
  "Date.now",
  "Math.random",
  "performance.now",
  "crypto.getRandomValues",
  "crypto.randomUUID",
]);

const paths = projectFiles();
const sources = paths
  .filter(
    (file) =>
      /\.tsx?$/.test(file) &&
      !file.endsWith(".d.ts") &&
      !/^wasm-plugins\/|^sdk\/bindings\/|^test\/conformance\/plugins\//.test(file),
  )
  .map(readSource);
const product = sources.filter((source) => /^(worker|durable-objects|sdk\/contract)\//.test(source.path));

function offences(files: readonly SourceFile[], offence: (source: SourceFile) => readonly string[]): string[] {
  return files.flatMap((source) => offence(source).map((text) => `${source.path}: ${text}`));
}

describe("imports", () => {
  test("every file of the product has a role", () => {
    expect(product.map((source) => source.path).filter((file) => layerOf(file) === undefined)).toEqual([]);
  });

  test("arrows point down", () => {
    expect(
      offences(product, (source) =>
        source.imports.flatMap(({ target, typeOnly }) => {
          const [from, to] = [layerOf(source.path), target === undefined ? undefined : layerOf(target)];
          // The type of Deps is the shape of the context that edges and actions receive; composition makes the value.
          const isDepsType = target === "worker/deps.ts" && typeOnly;
          return from && to && !mayImport(from, to) && !isDepsType ? [`${from} imports ${to} ${target}`] : [];
        }),
      ),
    ).toEqual([]);
  });

  test.each([
    {
      from: /^worker\/execution\//,
      never: /^worker\/(control|http|jobs|dashboard)\//,
      because: "execution knows nothing of control",
    },
    {
      from: /^worker\/execution\/sandbox\//,
      never: /^(?!sdk\/contract\/|worker\/execution\/sandbox\/)/,
      because: "the sandbox sees only the contract and itself",
    },
    {
      from: /^durable-objects\//,
      never: /^(?!sdk\/contract\/|worker\/lib\/|durable-objects\/)/,
      because: "durable objects see only the kernel",
    },
    { from: /^sdk\//, never: /^(worker|durable-objects)\//, because: "the SDK never imports the worker" },
    {
      from: /^worker\/execution\/metering\//,
      never: /^(?!sdk\/contract\/|worker\/execution\/metering\/)/,
      because: "the rewriter stands alone",
    },
  ])("$because", ({ from, never }) => {
    const files = sources.filter((source) => from.test(source.path));
    expect(files.length).toBeGreaterThan(0);
    expect(
      offences(files, (source) =>
        source.imports.flatMap(({ target }) =>
          target !== undefined && never.test(target) ? [`imports ${target}`] : [],
        ),
      ),
    ).toEqual([]);
  });

  test("pure files import no platform and read no clock, randomness or network", () => {
    const pure = product.filter(
      (source) => layerOf(source.path) === "pure" && !source.path.startsWith("worker/execution/sandbox/"),
    );
    expect(
      offences(pure, (source) => [
        ...source.imports
          .filter(({ specifier }) => IMPURE_PACKAGES.test(specifier))
          .map(({ specifier }) => `imports ${specifier}`),
        ...source.members.filter((member) => IMPURE_MEMBERS.has(member)),
        ...(/(?<![.\w])fetch\(/.test(source.text) ? ["calls fetch"] : []),
      ]),
    ).toEqual([]);
  });

  test("every relative import names an existing file with its extension", () => {
    expect(
      offences(sources, (source) =>
        source.imports.flatMap(({ target }) =>
          target !== undefined &&
          !target.includes(".generated.") &&
          !target.startsWith("dist/") &&
          !existsSync(path.join(ROOT, target))
            ? [`imports ${target}`]
            : [],
        ),
      ),
    ).toEqual([]);
  });
});

describe("size", () => {
  test(`no file over ${FILE_LINES} lines, tables excepted`, () => {
    expect(
      offences(sources, ({ path: file, lines }) =>
        lines > FILE_LINES && !TABLE_FILES.test(file) ? [`${lines} lines`] : [],
      ),
    ).toEqual([]);
  });

  test(`no function over ${FUNCTION_LINES} lines`, () => {
    const files = sources.filter((source) => !source.path.startsWith("test/"));
    expect(
      offences(files, ({ functions }) =>
        functions
          .filter(({ lines }) => lines > FUNCTION_LINES)
          .map(({ line, lines }) => `line ${line}: ${lines} lines`),
      ),
    ).toEqual([]);
  });
});

describe("names", () => {
  test("files and folders are kebab-case", () => {
    const named = paths.filter(
      (file) =>
        /^(worker|durable-objects|sdk|scripts|test|wasm-plugins)\//.test(file) && /\.(ts|tsx|wat|c|json)$/.test(file),
    );
    expect(named.filter((file) => !file.split("/").every((part) => /^\.?[a-z0-9][a-z0-9.-]*$/.test(part)))).toEqual([]);
  });

  test("names say what a thing is", () => {
    expect(paths.filter((file) => BANNED_NAMES.test(file))).toEqual([]);
  });

  test("exports are named; only the worker's entry, plugins and tool configurations have a default", () => {
    const allowed =
      /^(worker\/index\.ts|test\/.*\/worker\.ts|test\/fixtures\/typescript\/[a-z-]+\.ts|test\/bench\/order-pricing\/.*\/plugin\.ts|sdk\/templates\/.*\/plugin\.ts|[a-z.-]+\.config\.ts)$/;
    expect(
      sources.filter((source) => source.defaultExport && !allowed.test(source.path)).map((source) => source.path),
    ).toEqual([]);
  });
});

describe("content", () => {
  test("no `any`, no suppressed types, no mocked modules, no unfinished words", () => {
    const forbidden = /\bas any\b|<any>|@ts-(ignore|nocheck|expect-error)|\bvi\.mock\(|\b(TODO|FIXME|XXX)\b/;
    const files = sources.filter((source) => source.path !== "test/architecture.test.ts");
    expect(
      offences(files, ({ text }) =>
        text.split("\n").flatMap((line, index) => (forbidden.test(line) ? [`line ${index + 1}: ${line.trim()}`] : [])),
      ),
    ).toEqual([]);
  });
});
