import { CAPABILITY_NAMES, capabilityForImport, type Capability } from "../../../sdk/contract/capabilities.ts";
import { isStreaming, isSuspending } from "../../../sdk/contract/extism-abi.ts";
import { FUNCTION_NAME_PATTERN } from "../../../sdk/contract/identifiers.ts";
import type { LinkedModule, ModuleSummary, ReadableFiles } from "../../../sdk/contract/package-report.ts";
import type { PluginParts } from "../../../sdk/contract/plugin-parts.ts";
import type { ModuleReport } from "../../execution/metering/inspect.ts";
import type { RewriteReport } from "../../execution/metering/rewrite.ts";

/** What the upload says of a module, from what inspection and rewriting found. */

const CALLABLE_TYPES: ReadonlySet<string> = new Set(["() -> ()", "() -> i32"]);
/** Exports that compilers add for the host to run; Extism hosts run them by themselves. */
const RUNTIME_EXPORT = /^(_initialize|asyncify_.*|__.*)$/;
/** Of a WASI command. Hosts never run it by themselves. */
const COMMAND_EXPORT = "_start";

/**
 * Exported functions that a caller may run, in the order of the module. A command's `_start` is one only where there is
 * no other: beside others it is what the compiler left over.
 */
export function callableFunctions({ exports }: ModuleReport): string[] {
  const callable = exports
    .filter(({ kind, type, name }) => {
      const fits = kind === "function" && type !== undefined && CALLABLE_TYPES.has(type);
      return fits && !RUNTIME_EXPORT.test(name) && FUNCTION_NAME_PATTERN.test(name);
    })
    .map(({ name }) => name);
  const others = callable.filter((name) => name !== COMMAND_EXPORT);
  return others.length > 0 ? others : callable;
}

/** Capabilities that the imports need, in the order of the table. */
export function requiredCapabilities({ imports }: Pick<ModuleReport, "imports">): Capability[] {
  const needed = new Set(imports.map((item) => capabilityForImport(item.module, item.name)));
  return CAPABILITY_NAMES.filter((capability) => needed.has(capability));
}

/** All memories together; no maximum where one of them has none. */
export function memoryPagesOf({ memories }: Pick<ModuleReport, "memories">): ModuleSummary["memory"] {
  const maxima = memories.map(({ maxPages }) => maxPages);
  return {
    minimumPages: memories.reduce((sum, { minPages }) => sum + minPages, 0),
    maximumPages: maxima.every((pages) => pages !== null) ? maxima.reduce((sum, pages) => sum + pages, 0) : null,
  };
}

export function summariseModule(report: ModuleReport, rewritten: RewriteReport): ModuleSummary {
  return {
    bytes: report.size,
    imports: report.imports,
    exports: report.exports,
    functions: callableFunctions(report),
    capabilities: requiredCapabilities(report),
    suspends: report.imports.some(({ module, name }) => isSuspending(module, name)),
    ...(report.imports.some(({ module, name }) => isStreaming(module, name)) ? { streams: true } : {}),
    features: report.features,
    memory: memoryPagesOf(report),
    producers: report.producers.map(({ name, version }) => (version === "" ? name : `${name} ${version}`)),
    rewriting: {
      rewriterVersion: rewritten.rewriterVersion,
      costTableVersion: rewritten.costTableVersion,
      backend: rewritten.backend,
      bytes: rewritten.outputBytes,
      functions: rewritten.functions,
      checks: rewritten.checks,
      memoryPages: rewritten.memoryPages,
      callDepth: rewritten.callDepth,
    },
  };
}

export interface PackageContent {
  readonly report: ModuleReport;
  readonly rewriting: RewriteReport;
  readonly linked?: readonly LinkedModule[];
  readonly files?: ReadableFiles;
  readonly parts?: PluginParts;
}

/** The main module, with what all modules need together, and with what the package has beside it. */
export function summarisePackage({ report, rewriting, linked = [], files, parts }: PackageContent): ModuleSummary {
  const main = summariseModule(report, rewriting);
  const modules = linked.map(({ module }) => module);
  const capabilities = new Set([main, ...modules].flatMap((module) => module.capabilities));
  return {
    ...main,
    capabilities: CAPABILITY_NAMES.filter((capability) => capabilities.has(capability)),
    suspends: main.suspends || modules.some(({ suspends }) => suspends),
    ...(linked.length > 0 ? { linked } : {}),
    ...(files ? { files } : {}),
    ...(parts ? { parts } : {}),
  };
}
