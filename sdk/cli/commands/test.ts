import { existsSync } from "node:fs";
import path from "node:path";
import { VALIDATION_MODES } from "../../contract/payloads/validation-modes.ts";
import { buildProject } from "../../project/build-project.ts";
import { readCases } from "../../project/case-file.ts";
import { openProject } from "../../project/project.ts";
import { runCases, type CaseResult } from "../../project/run-cases.ts";
import { UserError } from "../../project/user-error.ts";
import { EXIT, show, type OutputOptions } from "../output.ts";

export interface TestOptions extends OutputOptions {
  readonly validate: string;
}

/** Builds the plugin of a folder and runs its `cases.json` on the platform's own host, with all that its manifest asks for granted. */
export async function testPlugin(folder: string, options: TestOptions): Promise<void> {
  const project = await openProject(path.resolve(folder));
  const file = path.join(project.folder, "cases.json");
  if (!existsSync(file)) throw new UserError(`There is no cases.json in ${project.folder}.`);
  const { manifest, module } = await buildProject(project);
  const validate = VALIDATION_MODES.find((mode) => mode === options.validate);
  if (!validate) throw new UserError(`--validate is one of ${VALIDATION_MODES.join(", ")}.`);
  const grants = Object.fromEntries(
    manifest.permissions.map(({ capability, hosts }) => [capability, hosts ? { hosts } : {}]),
  );
  const results = await runCases(await readCases(file), {
    plugin: module,
    grants,
    publishes: manifest.events.publishes,
    validate,
    manifest,
  });
  const failed = results.filter(({ passed }) => !passed);
  show(
    { passed: results.length - failed.length, failed: failed.length, results },
    [...results.map(lineOf), `${results.length - failed.length} passed, ${failed.length} failed`],
    options,
  );
  if (failed.length > 0) process.exitCode = EXIT.failure;
}

function lineOf({ name, passed, fuel, found, expected }: CaseResult): string {
  if (passed) return `ok    ${name} (fuel ${fuel})`;
  return `FAIL  ${name}\n      expected ${JSON.stringify(expected)}\n      found    ${JSON.stringify(found)}`;
}
