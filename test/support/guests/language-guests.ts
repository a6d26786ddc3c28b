import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { openProject } from "../../../sdk/project/project.ts";
import { checkRequirement } from "../../../sdk/project/languages/requirement.ts";

/**
 * The plugins of test/fixtures/languages, one folder for each language beside TypeScript, compiled as `patchbay build` compiles them. A
 * language whose compiler is missing has none, and tests skip it; `CONFORMANCE_REQUIRE_ALL=1` makes that a failure.
 */
const ROOT = path.resolve(import.meta.dirname, "../../..");
const FIXTURES = path.join(ROOT, "test/fixtures/languages");
const INPUTS = ["sdk/bindings", "sdk/project/languages"];

/** @returns modules by name: `language-assemblyscript` */
export async function buildLanguageGuests(target: string): Promise<ReadonlyMap<string, Uint8Array>> {
  const shared = await Promise.all(INPUTS.map((folder) => digestOf(path.join(ROOT, folder))));
  const guests = new Map<string, Uint8Array>();
  for (const name of (await readdir(FIXTURES)).sort()) {
    const folder = path.join(FIXTURES, name);
    const digest = [await digestOf(folder), ...shared].join(" ");
    const module = await compiled(folder, path.join(target, `language-${name}`), digest);
    if (module) guests.set(`language-${name}`, module);
  }
  return guests;
}

async function compiled(folder: string, target: string, digest: string): Promise<Uint8Array | undefined> {
  const [file, stamp] = [`${target}.wasm`, `${target}.inputs`];
  if (existsSync(file) && existsSync(stamp) && (await readFile(stamp, "utf8")) === digest) return await readFile(file);
  const { language, entry } = await openProject(folder);
  for (const requirement of language.requirements) {
    const check = await checkRequirement(requirement, folder);
    if ("compiler" in check) continue;
    if (process.env["CONFORMANCE_REQUIRE_ALL"] === "1") throw new Error(`${requirement.name}: ${check.problem}`);
    return undefined;
  }
  const { wasm } = await language.build({ folder, entry }, { withParser: false });
  await writeFile(file, wasm);
  await writeFile(stamp, digest);
  return wasm;
}

async function digestOf(folder: string): Promise<string> {
  const hash = createHash("sha256");
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
  for (const file of files.filter((name) => !name.includes(`${path.sep}dist${path.sep}`)).sort()) {
    hash
      .update(path.relative(folder, file))
      .update("\0")
      .update(await readFile(file));
  }
  return hash.digest("hex");
}
