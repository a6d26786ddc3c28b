import { Additions } from "./additions.ts";
import type { BackendIndices } from "./assemble.ts";
import type { Carrier, MeterGlobals } from "./carrier.ts";
import { GlobalCarrier } from "./global-carrier.ts";
import type { InstructionReader } from "./instructions.ts";
import type { ModuleShape } from "./module.ts";
import { ProfileCarrier } from "./profile-carrier.ts";
import { itself, ProfileHooks, type ProfilePlaces } from "./profile-hooks.ts";
import { ADDED_PARAMETERS, RegisterCarrier, SyncedCarrier } from "./register-carrier.ts";
import { RegisterTypes } from "./register-types.ts";
import type { FunctionPlan, ScanFindings } from "./scan.ts";
import type { CodeWriter } from "./writer.ts";

/** What is known of a module before its functions are read. */
export interface ModuleFacts {
  readonly shape: ModuleShape;
  readonly reader: InstructionReader;
  readonly leafCosts: Int32Array;
  readonly globals: MeterGlobals;
  readonly memoryMaxima: readonly number[];
  readonly tableMaxima: readonly number[];
  /** Exports of tables are left out. */
  readonly hideTables: boolean;
  /** Most bytes of the rewritten module. */
  readonly outputBytes: number;
  /** Null where the module is not profiled. */
  readonly profile: ProfilePlaces | null;
}

/** One way of carrying fuel through a whole module. */
export interface Form {
  readonly backend: "register" | "global";
  readonly additions: Additions;
  readonly indices: BackendIndices;
  readonly movedLocals: number;
  carrierFor(plan: FunctionPlan, code: CodeWriter): Carrier;
  /** False where what the functions do does not fit this form; asked again after each function. */
  carries(findings: ScanFindings): boolean;
  wrapperCount(): number;
}

/**
 * Fuel in a local of every function.
 * @param privateTables  the host sees no function table, so that tables can hold metered functions
 */
export function registerForm(facts: ModuleFacts, privateTables: boolean): Form {
  const { shape, reader, globals } = facts;
  const additions = new Additions(shape);
  const { escaping, profiled } = profiling(facts, additions);
  const types = new RegisterTypes(shape, facts.leafCosts, additions, globals, escaping);
  const setting = { reader, types, globals, privateTables };
  return {
    backend: "register",
    additions,
    movedLocals: ADDED_PARAMETERS,
    indices: {
      typeOf(functionIndex) {
        const type = shape.functionTypes[functionIndex] ?? 0;
        return types.keepsType(functionIndex) ? type : types.metered(type);
      },
      visible: (functionIndex) => types.wrapper(functionIndex),
      tableEntry(functionIndex) {
        if (!privateTables) return types.wrapper(functionIndex);
        return types.isImported(functionIndex) ? types.adaptor(functionIndex) : functionIndex;
      },
    },
    carrierFor: (plan, code) =>
      profiled(
        plan.hasTryTable ? new SyncedCarrier(setting, plan, code) : new RegisterCarrier(setting, plan, code),
        plan,
        code,
      ),
    carries: ({ usesReferences, tailCallsIndirectly, tailCallsReferences }) =>
      privateTables ? !usesReferences : !tailCallsIndirectly && !tailCallsReferences,
    wrapperCount: () => types.wrapperCount,
  };
}

interface Profiling {
  /** Function that stands for an imported one where it is not called directly. */
  readonly escaping: (functionIndex: number) => number;
  readonly profiled: (carrier: Carrier, plan: FunctionPlan, code: CodeWriter) => Carrier;
}

/** What a profile changes in any form; nothing where there is none. */
function profiling({ shape, globals, leafCosts, profile }: ModuleFacts, additions: Additions): Profiling {
  if (profile === null) return { escaping: itself, profiled: (carrier) => carrier };
  const hooks = new ProfileHooks(shape, additions, globals, profile);
  const setting = { bytes: shape.bytes, hooks, leafCosts };
  return {
    escaping: (functionIndex) => hooks.escaping(functionIndex),
    profiled: (carrier, plan, code) => new ProfileCarrier(setting, carrier, plan, code),
  };
}

/** Fuel in the exported global. Carries everything. */
export function globalForm(facts: ModuleFacts): Form {
  const { shape, globals } = facts;
  const additions = new Additions(shape);
  const { escaping, profiled } = profiling(facts, additions);
  return {
    backend: "global",
    additions,
    movedLocals: 0,
    indices: {
      typeOf: (functionIndex) => shape.functionTypes[functionIndex] ?? 0,
      visible: escaping,
      tableEntry: escaping,
    },
    carrierFor: (plan, code) => profiled(new GlobalCarrier(shape.bytes, globals, plan, code, escaping), plan, code),
    carries: () => true,
    wrapperCount: () => 0,
  };
}
