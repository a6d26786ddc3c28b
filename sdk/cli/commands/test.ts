import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { VALIDATION_MODES, type ValidationMode } from "../../contract/payloads/validation-modes.ts";
import { buildProject, type BuildReport } from "../../project/build-project.ts";
import { readCases, type PluginCase } from "../../project/case-file.ts";
import { runCasesOnExtism } from "../../project/extism-host.ts";
import { openProject } from "../../project/project.ts";
import { runCases, type CaseResult } from "../../project/run-cases.ts";
import { UserError } from "../../project/user-error.ts";
import { EXIT, show, type OutputOptions } from "../output.ts";

export interface TestOptions extends OutputOptions {
  readonly validate: string;
  readonly host: string;
}

const HOSTS = ["patchbay", "extism"];

/** Builds the plugin of a folder and runs its `cases.json`: on the platform's own host, with all that its manifest asks for granted, or on Extism's. */
export async function testPlugin(folder: string, options: TestOptions): Promise<void> {
  const project = await openProject(path.resolve(folder));
  const file = path.join(project.folder, "cases.json");
  if (!existsSync(file)) throw new UserError(`There is no cases.json in ${project.folder}.`);
  if (!HOSTS.includes(options.host))
    throw new UserError(`There is no host ${options.host}; there are ${HOSTS.join(", ")}.`);
  const validate = VALIDATION_MODES.find((mode) => mode === options.validate);
  if (!validate) throw new UserError(`--validate is one of ${VALIDATION_MODES.join(", ")}.`);
  const built = await buildProject(project);
  const cases = await readCases(file);
  const results: readonly Shown[] =
    options.host === "extism"
      ? await runCasesOnExtism(await readFile(built.module), cases)
      : await runHere(built, cases, validate);
  const failed = results.filter(({ passed }) => !passed);
  const skipped = results.filter((result) => result.skipped !== undefined);
  const passed = results.length - failed.length - skipped.length;
  show(
    { host: options.host, passed, failed: failed.length, skipped: skipped.length, results },
    [
      ...results.map(lineOf),
      `${passed} passed, ${failed.length} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ""}`,
    ],
    options,
  );
  if (failed.length > 0) process.exitCode = EXIT.failure;
}

type Shown = Omit<CaseResult, "fuel"> & { readonly fuel?: number; readonly skipped?: string };

function runHere(
  { manifest, module }: BuildReport,
  cases: readonly PluginCase[],
  validate: ValidationMode,
): Promise<CaseResult[]> {
  const grants = manifest.permissions.map(({ capability, hosts }) => [capability, hosts ? { hosts } : {}] as const);
  return runCases(cases, {
    plugin: module,
    grants: Object.fromEntries(grants),
    publishes: manifest.events.publishes,
    validate,
    manifest,
  });
}

function lineOf({ name, passed, fuel, skipped, found, expected }: Shown): string {
  if (skipped !== undefined) return `skip  ${name} (${skipped})`;
  if (passed) return `ok    ${name}${fuel === undefined ? "" : ` (fuel ${fuel})`}`;
  return `FAIL  ${name}\n      expected ${JSON.stringify(expected)}\n      found    ${JSON.stringify(found)}`;
}
