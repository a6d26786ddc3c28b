import { METERING_IMPORTS, RESERVED_EXPORT_PREFIX } from "../../../sdk/contract/metering-abi.ts";
import { assembleSections } from "./assemble.ts";
import { maximaWithin } from "./capacity.ts";
import type { MeterGlobals } from "./carrier.ts";
import { CodeBodies } from "./code-section.ts";
import { COST_TABLE_VERSION } from "./costs.ts";
import { FeatureLog, type Feature } from "./features.ts";
import { globalForm, registerForm, type Form, type ModuleFacts } from "./forms.ts";
import type { InstructionReader } from "./instructions.ts";
import { leafCosts } from "./leaves.ts";
import { LengthCharges } from "./length-charges.ts";
import type { ModuleShape } from "./module.ts";
import { moduleSize, moduleChunks, type ModuleParts } from "./output.ts";
import { parseModule } from "./parse.ts";
import type { ProfilePlaces } from "./profile-hooks.ts";
import { WasmRefusal } from "./refusal.ts";
import { FunctionScanner, tablesArePrivate } from "./scan.ts";

export { COST_TABLE_VERSION } from "./costs.ts";
export { WasmRefusal } from "./refusal.ts";

/** Changes whenever the same input gives another output. */
export const REWRITER_VERSION = "3";

export interface MeteringPolicy {
  /** Pages of all memories together, 64 KiB each. */
  readonly memoryPages: number;
  /** Elements of all tables together. */
  readonly tableElements: number;
  /** Units of nested calls: an ordinary function takes two, one with many locals more; see depth.ts. */
  readonly callDepth: number;
  /** Most bytes of the rewritten module; unlimited where it is not given. */
  readonly outputBytes?: number;
  /** Keep the names of functions, for readable stack traces. Other custom sections are always dropped. */
  readonly keepNames?: boolean;
  /**
   * Leave exports of tables out. A host that never looks into the guest's tables loses nothing; indirect calls become
   * as cheap as direct ones, and functions in tables need no wrapper.
   */
  readonly hideTables?: boolean;
  /**
   * Count in globals that the host brings ({@link METERING_IMPORTS}), which all modules of a package share. Then memoryPages
   * is what this module may have while no other grows; how far all may grow together, the host says.
   */
  readonly sharedCounters?: boolean;
  /**
   * Tell the profile kernel where the fuel goes, call by call. Fuel, results and limits are those of the module without,
   * under the same policy otherwise.
   */
  readonly profile?: {
    /** Number of the module's first function, so that the modules of a package can be told apart. */
    readonly firstFunction: number;
  };
  /** Use the global form even where the faster register form carries the module. */
  readonly backend?: "global";
}

export interface RewriteReport {
  readonly rewriterVersion: string;
  readonly costTableVersion: string;
  /** Where the fuel is held while the guest runs. */
  readonly backend: "register" | "global";
  /** Functions with a body in the original. */
  readonly functions: number;
  /** Places where fuel is taken, and how many of them check that some was left. */
  readonly regions: number;
  readonly checks: number;
  /** Functions appended between the guest and those who do not know about fuel. */
  readonly wrappers: number;
  readonly inputBytes: number;
  readonly outputBytes: number;
  /** Output over input. */
  readonly codeGrowth: number;
  /** Pages that the module's own memories can reach together. */
  readonly memoryPages: number;
  readonly callDepth: number;
  readonly features: readonly Feature[];
}

export interface RewrittenModule {
  readonly report: RewriteReport;
  /** Bytes of all chunks together. */
  readonly size: number;
  /** The module in pieces of about a mebibyte at most; may be iterated again. */
  readonly chunks: Iterable<Uint8Array>;
}

/** Not deterministic, not linear memory, or not offered by the runtime. */
const REFUSED: ReadonlySet<Feature> = new Set([
  "custom-page-sizes",
  "gc",
  "memory64",
  "relaxed-simd",
  "threads",
  "wide-arithmetic",
]);

/**
 * Rewrites a module so that it counts its own work and stops by itself; see sdk/contract/metering-abi.ts for what the
 * host does with it. The input should have been validated by the runtime, the output should be: what is not valid is
 * refused or gives an output that is not valid either. Throws {@link WasmRefusal} only.
 */
export function rewriteModule(bytes: Uint8Array, policy: MeteringPolicy): RewrittenModule {
  const { shape, reader } = parseModule(bytes, new FeatureLog(REFUSED));
  refuseReservedNames(shape);
  const globals = policy.sharedCounters === true ? sharedGlobals(reader) : ownGlobals(reader);
  const facts: ModuleFacts = {
    shape,
    reader,
    leafCosts: leafCosts(reader, shape, globals.moved.from),
    globals,
    hideTables: policy.hideTables ?? false,
    outputBytes: policy.outputBytes ?? Infinity,
    profile: profilePlaces(shape, globals, policy.profile),
    memoryMaxima: maximaWithin(shape.memories, policy.memoryPages, "memory pages"),
    tableMaxima: maximaWithin(shape.tables, policy.tableElements, "table elements"),
  };
  const { form, code } = firstThatCarries(facts, policy.backend === "global");
  const sections = assembleSections({ ...facts, ...form, callDepth: policy.callDepth });
  const parts: ModuleParts = {
    shape,
    sections,
    code,
    additions: form.additions,
    keepNames: policy.keepNames ?? false,
    globalsMove: globals.moved.by > 0,
  };
  const size = moduleSize(parts);
  const report: RewriteReport = {
    rewriterVersion: REWRITER_VERSION,
    costTableVersion: COST_TABLE_VERSION,
    backend: form.backend,
    functions: shape.functionTypes.length - shape.importedFunctions,
    ...code.counts,
    wrappers: form.wrapperCount(),
    inputBytes: bytes.length,
    outputBytes: size,
    codeGrowth: size / bytes.length,
    memoryPages: ownPages(shape, facts.memoryMaxima),
    callDepth: policy.callDepth,
    features: shape.features.names(),
  };
  return { report, size, chunks: { [Symbol.iterator]: () => moduleChunks(parts) } };
}

function refuseReservedNames(shape: ModuleShape): void {
  if (shape.imports.some(({ module }) => module === METERING_IMPORTS.module)) {
    const detail = `the module imports from "${METERING_IMPORTS.module}", a reserved name`;
    throw new WasmRefusal("WASM_UNSUPPORTED", detail, 0);
  }
  const reserved = shape.exports.find(({ name }) => name.startsWith(RESERVED_EXPORT_PREFIX));
  if (reserved === undefined) return;
  const detail = `the export "${reserved.name}" has a name that starts with the reserved "${RESERVED_EXPORT_PREFIX}"`;
  throw new WasmRefusal("WASM_UNSUPPORTED", detail, reserved.offset);
}

/** Behind everything else of their kind. */
function profilePlaces(
  shape: ModuleShape,
  { poison, refusedPages }: MeterGlobals,
  profile: MeteringPolicy["profile"],
): ProfilePlaces | null {
  if (profile === undefined) return null;
  return { table: shape.tables.length, fuel: Math.max(poison, refusedPages) + 1, firstFunction: profile.firstFunction };
}

/** Appended, so that every other global keeps its number. */
function ownGlobals({ spaces: { globals } }: InstructionReader): MeterGlobals {
  return {
    fuel: globals,
    depth: globals + 1,
    poison: globals + 2,
    refusedPages: globals + 3,
    sparePages: undefined,
    moved: { from: Infinity, by: 0 },
  };
}

/** Imported ones come before all that the module defines, so these move. In the order of METERING_IMPORTS. */
function sharedGlobals({ spaces, ownGlobalInConstant }: InstructionReader): MeterGlobals {
  if (ownGlobalInConstant >= 0) {
    const detail =
      "a constant expression reads a global of the module itself, which is not supported in a package of several modules";
    throw new WasmRefusal("WASM_UNSUPPORTED", detail, ownGlobalInConstant);
  }
  const { globals, importedGlobals } = spaces;
  const by = METERING_IMPORTS.counters.length;
  return {
    fuel: importedGlobals,
    depth: importedGlobals + 1,
    refusedPages: importedGlobals + 2,
    sparePages: importedGlobals + 3,
    poison: globals + by,
    moved: { from: importedGlobals, by },
  };
}

/** Tries the forms from the cheapest to the one that carries everything. */
function firstThatCarries(facts: ModuleFacts, globalOnly: boolean): { form: Form; code: CodeBodies } {
  const registerForms = tablesArePrivate(facts.shape, facts.hideTables) ? [true, false] : [false];
  for (const privateTables of globalOnly ? [] : registerForms) {
    const form = registerForm(facts, privateTables);
    const code = measure(facts, form);
    if (code !== null) return { form, code };
  }
  const form = globalForm(facts);
  const code = measure(facts, form);
  if (code === null) throw new TypeError("the global form carries every module");
  return { form, code };
}

/** First pass over all functions; null where it turns out that the form does not carry them. */
function measure(facts: ModuleFacts, form: Form): CodeBodies | null {
  const { shape, reader, leafCosts: costs } = facts;
  const maxima = { memories: facts.memoryMaxima, tables: facts.tableMaxima };
  const lengths = new LengthCharges(form.additions, facts.globals, maxima);
  const profiled = facts.profile !== null;
  const scanner = new FunctionScanner(reader, shape, costs, lengths, form.movedLocals, facts.globals.moved, profiled);
  const code = new CodeBodies(shape, costs, scanner, (plan, writer) => form.carrierFor(plan, writer));
  code.measure(facts.outputBytes, () => !form.carries(scanner.findings));
  return form.carries(scanner.findings) ? code : null;
}

function ownPages(shape: ModuleShape, maxima: readonly number[]): number {
  return shape.memories.reduce((sum, memory, index) => sum + (memory.imported ? 0 : (maxima[index] ?? 0)), 0);
}
