import path from "node:path";
import { buildProject, type BuildReport } from "../../project/build-project.ts";
import { openProject } from "../../project/project.ts";
import { show, sizeText, table, type OutputOptions } from "../output.ts";

export interface BuildCommandOptions extends OutputOptions {
  readonly eval?: boolean;
}

/** Builds the plugin of a folder and says what became of it. */
export async function build(folder: string, options: BuildCommandOptions): Promise<void> {
  const project = await openProject(path.resolve(folder));
  const report = await buildProject(project, { withParser: options.eval ?? false });
  const { manifest, inputs: _inputs, map: _map, ...shown } = report;
  show(
    { id: manifest.id, version: manifest.version, ...shown },
    [
      ...table([
        ["plugin", `${manifest.id} ${manifest.version}`],
        [
          "module",
          `${path.relative(process.cwd(), report.module)}, ${sizeText(report.bytes)} (${sizeText(report.gzipBytes)} compressed)`,
        ],
        ["program", programText(report)],
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

function programText({ language, bundleBytes, inputs }: BuildReport): string {
  const size = bundleBytes === undefined ? "" : `${sizeText(bundleBytes)} of `;
  return `${size}${inputs.length} ${inputs.length === 1 ? "file" : "files"} of ${language}`;
}
