import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { cp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { openProject } from "../../../sdk/project/project.ts";
import { checkRequirement } from "../../../sdk/project/languages/requirement.ts";
import { TEMPLATES } from "../../../sdk/cli/commands/templates.ts";
import { findUnpackedCompilers } from "../node/unpacked-compilers.ts";

/**
 * The plugins of test/fixtures/languages, one folder for each language beside TypeScript, compiled as `patchbay build` compiles them. A
 * language whose compiler is missing has none, and tests skip it; `CONFORMANCE_REQUIRE_ALL=1` makes that a failure.
 */
const ROOT = path.resolve(import.meta.dirname, "../../..");
const FIXTURES = path.join(ROOT, "test/fixtures/languages");
const BINDINGS = path.join(ROOT, "sdk/bindings");
const LANGUAGES = path.join(ROOT, "sdk/project/languages");

/** @returns modules by name: `language-assemblyscript` */
export async function buildLanguageGuests(target: string): Promise<ReadonlyMap<string, Uint8Array>> {
  findUnpackedCompilers();
  const guests = new Map<string, Uint8Array>();
  for (const name of (await readdir(FIXTURES)).sort()) {
    const folder = path.join(FIXTURES, name);
    const digest = (await Promise.all([folder, path.join(BINDINGS, name), LANGUAGES].map(digestOf))).join(" ");
    const module = await compiled(folder, path.join(target, `language-${name}`), digest);
    if (module) guests.set(`language-${name}`, module);
  }
  return guests;
}

async function compiled(folder: string, target: string, digest: string): Promise<Uint8Array | undefined> {
  const [file, stamp] = [`${target}.wasm`, `${target}.inputs`];
  if (existsSync(file) && existsSync(stamp) && (await readFile(stamp, "utf8")) === digest) return await readFile(file);
  const { language, entry } = await openProject(folder);
  const project = await withBinding(language.name, folder, `${target}.project`);
  for (const requirement of language.requirements) {
    const check = await checkRequirement(requirement, folder);
    if ("compiler" in check) continue;
    if (process.env["CONFORMANCE_REQUIRE_ALL"] === "1") throw new Error(`${requirement.name}: ${check.problem}`);
    return undefined;
  }
  const source = { folder: project, entry: path.join(project, path.relative(folder, entry)) };
  const { wasm } = await language.build(source, { withParser: false });
  await writeFile(file, wasm);
  await writeFile(stamp, digest);
  return wasm;
}

/** Languages whose plugins have a copy of the binding get it as `patchbay create` gives it. */
async function withBinding(language: string, folder: string, copy: string): Promise<string> {
  const binding = TEMPLATES[language]?.binding;
  if (binding === undefined) return folder;
  await rm(copy, { recursive: true, force: true });
  await cp(folder, copy, { recursive: true });
  await cp(path.join(ROOT, "sdk/bindings", binding.from), path.join(copy, binding.to), { recursive: true });
  return copy;
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
