import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { assembler } from "./assemble-text.ts";
import { runBinaryScript } from "./binary-script.ts";
import { compareScript, emptyComparison, FORMS, outcomesBefore, type Comparison, type RunScript } from "./compare.ts";
import { runTextScript } from "./text-script.ts";
import { runWastScript } from "./wast-script.ts";

/** The scripts of a folder and all below it, by path; the name and the first command say which form each has. */
async function scriptsIn(folder: string): Promise<Map<string, RunScript>> {
  const assemble = await assembler(process.env["WASM_TOOLS"] ?? null);
  const scripts = new Map<string, RunScript>();
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" }).toSorted()) {
    const file = path.join(folder, name);
    if (name.endsWith(".wast.js")) {
      const source = readFileSync(file, "utf8");
      const isText = source.includes("instantiate(`");
      scripts.set(name, (host) => (isText ? runTextScript(source, host, assemble) : runBinaryScript(source, host)));
    } else if (name.endsWith(".wast")) {
      scripts.set(name, (host) => runWastScript(readFileSync(file), host, assemble));
    }
  }
  return scripts;
}

export interface FolderComparison {
  readonly files: number;
  /** By name of the form. */
  readonly forms: ReadonlyMap<string, Comparison>;
}

/** Runs every script of a folder on the modules as they are and in each form, one script after the other. */
export async function compareFolder(folder: string): Promise<FolderComparison> {
  const scripts = await scriptsIn(folder);
  const forms = new Map(Object.keys(FORMS).map((form) => [form, emptyComparison()]));
  for (const [name, run] of scripts) {
    const before = outcomesBefore(run);
    for (const [form, total] of forms) {
      const policy = FORMS[form];
      if (policy !== undefined) compareScript(name, run, { before, policy }, total);
    }
  }
  return { files: scripts.size, forms };
}
