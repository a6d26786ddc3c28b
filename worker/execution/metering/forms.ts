import { Additions } from "./additions.ts";
import type { BackendIndices } from "./assemble.ts";
import type { Carrier, MeterGlobals } from "./carrier.ts";
import { GlobalCarrier } from "./global-carrier.ts";
import type { InstructionReader } from "./instructions.ts";
import type { ModuleShape } from "./module.ts";
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
  const types = new RegisterTypes(shape, facts.leafCosts, additions, globals);
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
      plan.hasTryTable ? new SyncedCarrier(setting, plan, code) : new RegisterCarrier(setting, plan, code),
    carries: ({ usesReferences, tailCallsIndirectly, tailCallsReferences }) =>
      privateTables ? !usesReferences : !tailCallsIndirectly && !tailCallsReferences,
    wrapperCount: () => types.wrapperCount,
  };
}

/** Fuel in the exported global. Carries everything. */
export function globalForm({ shape, globals }: ModuleFacts): Form {
  return {
    backend: "global",
    additions: new Additions(shape),
    movedLocals: 0,
    indices: {
      typeOf: (functionIndex) => shape.functionTypes[functionIndex] ?? 0,
      visible: (functionIndex) => functionIndex,
      tableEntry: (functionIndex) => functionIndex,
    },
    carrierFor: (plan, code) => new GlobalCarrier(shape.bytes, globals, plan, code),
    carries: () => true,
    wrapperCount: () => 0,
  };
}
