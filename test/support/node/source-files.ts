import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { parseAst } from "rolldown/parseAst";

/** The project's TypeScript files as facts: imports, functions, lines. Read with the bundler's own parser. */

export const ROOT = path.resolve(import.meta.dirname, "../../..");

export interface ImportFact {
  /** As written. */
  readonly specifier: string;
  /** Path from the root where the import is relative. */
  readonly target: string | undefined;
  readonly typeOnly: boolean;
}

export interface FunctionFact {
  readonly line: number;
  /** Lines of the function that hold code. */
  readonly lines: number;
}

export interface SourceFile {
  readonly path: string;
  readonly text: string;
  readonly lines: number;
  readonly imports: readonly ImportFact[];
  readonly functions: readonly FunctionFact[];
  readonly defaultExport: boolean;
  /** Members read from globals or called, as `Date.now`. */
  readonly members: readonly string[];
}

interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

const FUNCTION_TYPES = new Set(["FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression"]);

export function projectFiles(): string[] {
  const listed = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
    cwd: ROOT,
    encoding: "utf8",
  });
  return listed.split("\n").filter((file) => file !== "" && readable(file));
}

/** A file deleted in the work tree is still listed by git. */
function readable(file: string): boolean {
  try {
    readFileSync(path.join(ROOT, file));
    return true;
  } catch {
    return false;
  }
}

export function readSource(file: string): SourceFile {
  const text = readFileSync(path.join(ROOT, file), "utf8");
  const program = parseAst(text, { lang: file.endsWith("x") ? "tsx" : "ts" }) as unknown as Node;
  const nodes = [...walk(program)];
  return {
    path: file,
    text,
    lines: text.split("\n").length - 1,
    imports: nodes.flatMap((node) => importFact(file, node)),
    functions: nodes.filter((node) => FUNCTION_TYPES.has(node.type)).map((node) => functionFact(text, node)),
    defaultExport: nodes.some((node) => node.type === "ExportDefaultDeclaration"),
    members: nodes.filter((node) => node.type === "MemberExpression").map((node) => text.slice(node.start, node.end)),
  };
}

function* walk(value: unknown): Generator<Node> {
  if (Array.isArray(value)) {
    for (const item of value) yield* walk(item);
  } else if (typeof value === "object" && value !== null) {
    if ("type" in value && typeof value.type === "string" && "start" in value) yield value as Node;
    for (const child of Object.values(value)) yield* walk(child);
  }
}

function importFact(file: string, node: Node): ImportFact[] {
  if (
    ![
      "ImportDeclaration",
      "ExportNamedDeclaration",
      "ExportAllDeclaration",
      "ImportExpression",
      "TSImportType",
    ].includes(node.type)
  )
    return [];
  const source = (node["source"] ?? node["argument"]) as { value?: unknown } | null; // a string literal in these nodes
  if (typeof source?.value !== "string") return [];
  const specifier = source.value;
  const target = specifier.startsWith(".") ? path.posix.join(path.posix.dirname(file), specifier) : undefined;
  const typeOnly = node["importKind"] === "type" || node["exportKind"] === "type" || node.type === "TSImportType";
  return [{ specifier, target, typeOnly }];
}

function functionFact(text: string, node: Node): FunctionFact {
  const body = text.slice(node.start, node.end).split("\n");
  const code = body.filter((line) => line.trim() !== "" && !/^\s*(\/\/|\/\*|\*)/.test(line));
  return { line: text.slice(0, node.start).split("\n").length, lines: code.length };
}
