import { MAIN_MODULE } from "../../../sdk/contract/linking.ts";
import type { Finding } from "../../../sdk/contract/package-report.ts";
import type { ModuleReport } from "../../execution/metering/inspect.ts";

/** A module of a package as the scan sees it, once its bytes have been looked through. */
export interface ScannedModule {
  /** Name that others import from; `main` for the main module. */
  readonly name: string;
  /** Path in the package. */
  readonly path: string;
  readonly report: ModuleReport;
  /** What was found in its data. */
  readonly data: readonly Finding[];
}

/** The module as the subject of a sentence. */
export function subjectOf({ name }: ScannedModule): string {
  return name === MAIN_MODULE ? "The module" : `The module "${name}"`;
}

/** Where in the package something of the module is. */
export function placeOf({ name }: ScannedModule, place: string): string {
  return name === MAIN_MODULE ? place : `module ${name}, ${place}`;
}
