import * as production from "../testing/production-program.generated.js";
import type { ProductionProgram } from "../testing/production-program.ts";
import { enableRuntime } from "../testing/runtime.ts";
import type { Inspection, PackageForm } from "./inspection.ts";

const program: ProductionProgram = production;
const ANYBODY = "your-tenant";

/**
 * Inspects, scans and meters a package by the platform's own code, as an upload does.
 *
 * @param tenantId  who would upload it, where that is known; only the platform's own tenant may upload ids without a publisher
 */
export function inspectPackage(form: PackageForm, tenantId: string = ANYBODY): Promise<Inspection> {
  enableRuntime();
  return program.inspectUpload(form, tenantId);
}
