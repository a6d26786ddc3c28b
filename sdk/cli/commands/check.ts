import { inspectPackage } from "../../inspection/inspect-package.ts";
import { findingLines, limitsOf, refusalLines, rowsOf } from "../../inspection/inspection-text.ts";
import { openTarget } from "../../packaging/open-target.ts";
import { EXIT, show, table, type OutputOptions } from "../output.ts";

export interface CheckOptions extends OutputOptions {
  readonly tenant?: string;
}

/** Says of a package what an upload would say of it. Ends with 1 where it would be refused. */
export async function check(word: string, options: CheckOptions): Promise<void> {
  const { form } = await openTarget(word);
  const inspection = await inspectPackage(form, options.tenant);
  if (!inspection.accepted) {
    process.exitCode = EXIT.failure;
    return show(inspection, refusalLines(inspection.problem), options);
  }
  const { accepted, manifest, version } = inspection;
  show(
    { accepted, version, permissions: manifest.permissions, limits: limitsOf(manifest) },
    [...table(rowsOf(inspection)), ...findingLines(version.scan.findings)],
    options,
  );
}
