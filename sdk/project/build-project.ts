import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { DEFAULT_MODULE_FILE, MANIFEST_FILE, type Manifest } from "../contract/manifest.ts";
import { completeManifest } from "./complete-manifest.ts";
import { readInterface } from "./module-interface.ts";
import type { Project } from "./project.ts";

const MAP_FILE = "plugin.js.map";
const NOTHING_EXPORTED = "The plugin exports no function, so there is nothing to call.";

export interface BuildReport {
  /** Name of a row of LANGUAGES. */
  readonly language: string;
  readonly manifest: Manifest;
  /** Absolute. */
  readonly module: string;
  readonly bytes: number;
  readonly gzipBytes: number;
  /** Bytes of the program in the module, where the language has one. */
  readonly bundleBytes?: number;
  readonly exports: readonly string[];
  readonly imports: readonly string[];
  readonly permissions: readonly string[];
  readonly notes: readonly string[];
  readonly milliseconds: number;
  /** Files that went into it, absolute. */
  readonly inputs: readonly string[];
  /** Source map of the places in errors, as text; empty where the language has none. */
  readonly map: string;
}

export interface BuildProjectOptions {
  readonly withParser?: boolean;
  /** `dist` in the project where nothing is said. */
  readonly target?: string;
}

/**
 * Builds a project into its module, its completed manifest and, where its language has one, the source map of its errors. A build that
 * fails leaves what was there before.
 *
 * @throws {UserError} with places in the author's files, or with what to install
 */
export async function buildProject(project: Project, options: BuildProjectOptions = {}): Promise<BuildReport> {
  const startedAt = performance.now();
  const { withParser = false, target = path.join(project.folder, "dist") } = options;
  const { language } = project;
  const { wasm, map = "", ...built } = await language.build(project, { withParser });
  const { functions, imports } = await readInterface(wasm);
  const { text, manifest, notes } = completeManifest(project.manifest, built.description, imports);
  const module = path.join(target, DEFAULT_MODULE_FILE);
  const mapFile = path.join(target, MAP_FILE);
  await mkdir(target, { recursive: true });
  await replace(module, wasm);
  await (map === "" ? rm(mapFile, { force: true }) : replace(mapFile, map));
  await replace(path.join(target, MANIFEST_FILE), text);
  return {
    language: language.name,
    manifest,
    module,
    bytes: wasm.length,
    gzipBytes: gzipSync(wasm).length,
    ...(built.bundleBytes === undefined ? {} : { bundleBytes: built.bundleBytes }),
    exports: functions,
    imports: imports.map(({ module: from, name }) => `${from} ${name}`),
    permissions: manifest.permissions.map(({ capability }) => capability),
    notes: [...built.warnings, ...notes, ...(functions.length === 0 ? [NOTHING_EXPORTED] : [])],
    milliseconds: Math.round(performance.now() - startedAt),
    inputs: built.inputs,
    map,
  };
}

/** Whoever reads it meanwhile has the one or the other. */
async function replace(file: string, content: string | Uint8Array): Promise<void> {
  await writeFile(`${file}.part`, content);
  await rename(`${file}.part`, file);
}
