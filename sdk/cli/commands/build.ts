import path from "node:path";
import { buildProject } from "../../project/build-project.ts";
import { openProject } from "../../project/project.ts";
import { show, sizeText, table, type OutputOptions } from "../output.ts";

export interface BuildCommandOptions extends OutputOptions {
  readonly eval?: boolean;
}

/** Builds the plugin of a folder and says what became of it. */
export async function build(folder: string, options: BuildCommandOptions): Promise<void> {
  const project = await openProject(path.resolve(folder));
  const report = await buildProject(project, { withParser: options.eval ?? false });
  const { manifest, inputs, ...shown } = report;
  show(
    { id: manifest.id, version: manifest.version, ...shown },
    [
      ...table([
        ["plugin", `${manifest.id} ${manifest.version}`],
        [
          "module",
          `${path.relative(process.cwd(), report.module)}, ${sizeText(report.bytes)} (${sizeText(report.gzipBytes)} compressed)`,
        ],
        ["program", `${sizeText(report.bundleBytes)} of ${inputs.length} files`],
        ["exports", report.exports.join(", ") || "nothing"],
        ["imports", report.imports.join(", ") || "nothing beyond Extism's own"],
        ["permissions", report.permissions.join(", ") || "none"],
        ["built in", `${report.milliseconds} ms`],
      ]),
      ...report.notes.map((note) => `note: ${note}`),
    ],
    options,
  );
}
