import { existsSync } from "node:fs";
import { cp, mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import path from "node:path";
import { PLUGIN_ID_PATTERN } from "../../contract/identifiers.ts";
import { UserError } from "../../project/user-error.ts";
import { show, type OutputOptions } from "../output.ts";
import { TEMPLATE_NAMES, TEMPLATES, type Template } from "./templates.ts";

const SDK = path.resolve(import.meta.dirname, "../..");
const TEXT_FILE = /\.(json|ts|md|toml|mod|go)$/;

export interface CreateOptions extends OutputOptions {
  readonly template: string;
  readonly id?: string;
  readonly author: string;
  /** What `package.json` says of this package. */
  readonly sdk: string;
}

/**
 * Makes a plugin's folder from a template.
 *
 * @param name  the folder's name, and the plugin's where `id` is not given
 * @throws {UserError} where there is something already
 */
export async function createPlugin(name: string, options: CreateOptions): Promise<void> {
  const folder = path.resolve(name);
  const base = path.basename(folder);
  const id = options.id ?? base;
  const template = Object.hasOwn(TEMPLATES, options.template) ? TEMPLATES[options.template] : undefined;
  if (template === undefined) {
    throw new UserError(`There is no template ${options.template}; there are ${TEMPLATE_NAMES.join(", ")}.`);
  }
  if (!PLUGIN_ID_PATTERN.test(id)) {
    throw new UserError(
      `"${id}" is no plugin id: lower-case letters, digits and -, with a publisher before a dot: acme.${base}.`,
    );
  }
  if (existsSync(folder) && (await readdir(folder)).length > 0) throw new UserError(`${folder} is not empty.`);
  await mkdir(folder, { recursive: true });
  await layOut(template, folder);
  // npm leaves files of this name out of packages.
  await rename(path.join(folder, "gitignore"), path.join(folder, ".gitignore"));
  await fillIn(folder, { id, name: titleOf(base), package: base, author: options.author, sdk: options.sdk });
  const next = [`cd ${path.relative(process.cwd(), folder) || "."}`, "npm install", "npm test"];
  show(
    { folder, id, template: options.template, next },
    [`Made ${id} from the template ${options.template}. Next:`, ...next.map((line) => `  ${line}`)],
    options,
  );
}

async function layOut({ folders, binding }: Template, folder: string): Promise<void> {
  for (const source of folders) await cp(path.join(SDK, "templates", source), folder, { recursive: true });
  if (binding) await cp(path.join(SDK, "bindings", binding.from), path.join(folder, binding.to), { recursive: true });
}

async function fillIn(folder: string, values: Readonly<Record<string, string>>): Promise<void> {
  const files = (await readdir(folder, { recursive: true })).filter((file) => TEXT_FILE.test(file));
  for (const file of files) {
    const target = path.join(folder, file);
    const text = await readFile(target, "utf8");
    await writeFile(
      target,
      text.replaceAll(/\{\{(\w+)\}\}/g, (whole, name: string) => values[name] ?? whole),
    );
  }
}

function titleOf(name: string): string {
  const words = name.replaceAll(/[^a-z0-9]+/gi, " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}
