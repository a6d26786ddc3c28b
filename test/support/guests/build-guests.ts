import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import wabt from "wabt";
import type { TestProject } from "vitest/node";
import { buildPlugin } from "../../../sdk/builder/build-plugin.ts";
import { buildLanguageGuests } from "./language-guests.ts";
import { platformGuest } from "./platform-guest-text.ts";
import type { GuestModules } from "./provided-guests.ts";

/**
 * The plugins of test/fixtures/guests as modules, not yet rewritten: `<name>.wat` is assembled, `<name>.wasm` (compiled from
 * the C beside it) is taken as it is; plugins of test/fixtures/typescript are built, as `typescript-<name>`, and those of other
 * languages as `language-<name>`. Written to dist/guests for tests that upload files, and handed to vitest tests in Node and in workerd
 * as base64 by `inject("guests")`, since workerd can neither read files nor assemble.
 */
const ROOT = path.resolve(import.meta.dirname, "../../..");
const FIXTURES = path.join(ROOT, "test/fixtures/guests");
const TYPESCRIPT = path.join(ROOT, "test/fixtures/typescript");
const TARGET = path.join(ROOT, "dist/guests");

/** Global setup of the vitest projects. */
export async function setup(project: TestProject): Promise<void> {
  const guests = await buildGuests();
  const encoded = [...guests].map(([name, bytes]) => [name, Buffer.from(bytes).toString("base64")] as const);
  const provided: GuestModules = Object.fromEntries(encoded);
  project.provide("guests", provided);
}

/** @returns every guest's module, by name; files that are newer than their source are not assembled again */
export async function buildGuests(): Promise<ReadonlyMap<string, Uint8Array>> {
  await mkdir(TARGET, { recursive: true });
  const guests = new Map<string, Uint8Array>();
  for (const file of (await readdir(FIXTURES)).sort()) {
    const { name, ext } = path.parse(file);
    if (ext === ".wat" || ext === ".wasm") guests.set(name, await buildGuest(path.join(FIXTURES, file), name));
  }
  guests.set("platform", await buildPlatformGuest());
  for (const file of (await readdir(TYPESCRIPT)).sort()) {
    const { name, ext } = path.parse(file);
    if (ext === ".ts") guests.set(`typescript-${name}`, (await buildPlugin(path.join(TYPESCRIPT, file))).wasm);
  }
  for (const [name, module] of await buildLanguageGuests(TARGET)) guests.set(name, module);
  return guests;
}

async function buildGuest(source: string, name: string): Promise<Uint8Array> {
  const target = path.join(TARGET, `${name}.wasm`);
  const [sourceStat, targetStat] = await Promise.all([stat(source), stat(target).catch(() => undefined)]);
  if (targetStat !== undefined && targetStat.mtimeMs > sourceStat.mtimeMs) return await readFile(target);
  const bytes = source.endsWith(".wat") ? await assemble(source) : await readFile(source);
  await writeFile(target, bytes);
  return bytes;
}

/** The guest that has a function for each of the platform's. */
async function buildPlatformGuest(): Promise<Uint8Array> {
  const source = path.join(TARGET, "platform.wat");
  await writeFile(source, platformGuest());
  const bytes = await assemble(source);
  await writeFile(path.join(TARGET, "platform.wasm"), bytes);
  return bytes;
}

async function assemble(file: string): Promise<Uint8Array> {
  const tools = await wabt();
  const module = tools.parseWat(path.basename(file), await readFile(file, "utf8"), { exceptions: true });
  try {
    module.validate();
    return module.toBinary({ write_debug_names: false }).buffer;
  } finally {
    module.destroy();
  }
}

if (import.meta.main) await buildGuests();
