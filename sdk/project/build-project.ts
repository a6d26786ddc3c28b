import { mkdir, rename, writeFile } from "node:fs/promises";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { buildPlugin } from "../builder/build-plugin.ts";
import { DEFAULT_MODULE_FILE, MANIFEST_FILE, type Manifest } from "../contract/manifest.ts";
import { BuildError } from "../packer/build-error.ts";
import { completeManifest } from "./complete-manifest.ts";
import type { Project } from "./project.ts";
import { UserError } from "./user-error.ts";

export interface BuildReport {
  readonly manifest: Manifest;
  /** Absolute. */
  readonly module: string;
  readonly bytes: number;
  readonly gzipBytes: number;
  readonly bundleBytes: number;
  readonly exports: readonly string[];
  readonly imports: readonly string[];
  readonly permissions: readonly string[];
  readonly notes: readonly string[];
  readonly milliseconds: number;
  /** Files that went into it, absolute. */
  readonly inputs: readonly string[];
}

export interface BuildProjectOptions {
  readonly withParser?: boolean;
  /** `dist` in the project where nothing is said. */
  readonly target?: string;
}

/**
 * Builds a project into its module, its completed manifest and the source map of its errors. A build that fails leaves what was
 * there before.
 *
 * @throws {UserError} with places in the author's files
 */
export async function buildProject(project: Project, options: BuildProjectOptions = {}): Promise<BuildReport> {
  const startedAt = performance.now();
  const { withParser = false, target = path.join(project.folder, "dist") } = options;
  const built = await buildPlugin(project.entry, { withParser }).catch((error: unknown) => {
    if (error instanceof BuildError) throw new UserError(error.message, error.detail.replace(/^[^\n]*\n?/, ""));
    throw error;
  });
  const { text, manifest, notes } = completeManifest(project.manifest, built.description, built.hostFunctions);
  const module = path.join(target, DEFAULT_MODULE_FILE);
  await mkdir(target, { recursive: true });
  await replace(module, built.wasm);
  await replace(path.join(target, "plugin.js.map"), built.map);
  await replace(path.join(target, MANIFEST_FILE), text);
  return {
    manifest,
    module,
    bytes: built.wasm.length,
    gzipBytes: gzipSync(built.wasm).length,
    bundleBytes: built.bundleBytes,
    exports: built.functions,
    imports: built.hostFunctions.map(({ module: from, name }) => `${from} ${name}`),
    permissions: manifest.permissions.map(({ capability }) => capability),
    notes: [...built.warnings, ...notes],
    milliseconds: Math.round(performance.now() - startedAt),
    inputs: built.inputs,
  };
}

/** Whoever reads it meanwhile has the one or the other. */
async function replace(file: string, content: string | Uint8Array): Promise<void> {
  await writeFile(`${file}.part`, content);
  await rename(`${file}.part`, file);
}
