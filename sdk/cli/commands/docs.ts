import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { htmlPage } from "../../pages/html-page.ts";
import { markdownPage } from "../../pages/markdown-page.ts";
import { pluginPage } from "../../pages/plugin-page.ts";
import { buildProject } from "../../project/build-project.ts";
import { readCases } from "../../project/case-file.ts";
import { openProject } from "../../project/project.ts";
import { show, type OutputOptions } from "../output.ts";

export interface DocsOptions extends OutputOptions {
  /** `dist/docs` in the project where nothing is said. */
  readonly out?: string;
}

/** Builds the plugin of a folder and writes its documentation, as Markdown and as one HTML file. */
export async function docs(folder: string, options: DocsOptions): Promise<void> {
  const project = await openProject(path.resolve(folder));
  const { manifest } = await buildProject(project);
  const cases = path.join(project.folder, "cases.json");
  const readme = path.join(project.folder, "README.md");
  const page = pluginPage({
    manifest,
    cases: existsSync(cases) ? await readCases(cases) : [],
    readme: existsSync(readme) ? await readFile(readme, "utf8") : undefined,
  });
  const target = path.resolve(options.out ?? path.join(project.folder, "dist/docs"));
  await mkdir(target, { recursive: true });
  const files = { "plugin.md": markdownPage(page), "plugin.html": htmlPage(manifest.name, page) };
  for (const [name, text] of Object.entries(files)) await writeFile(path.join(target, name), text);
  const written = Object.keys(files).map((name) => path.join(target, name));
  show(
    { files: written },
    written.map((file) => path.relative(process.cwd(), file)),
    options,
  );
}
