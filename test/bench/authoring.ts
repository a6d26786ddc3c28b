import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { buildSdk } from "../../scripts/build-sdk.ts";
import { TEMPLATE_NAMES } from "../../sdk/cli/commands/templates.ts";
import { reloadTime } from "./reload.ts";
import { median, type Figure } from "./statistics.ts";

/** What an author waits for, with the packed SDK in a folder outside of this project, and npm's cache as it is after a first time. */

const run = promisify(execFile);
const INSTALL = ["install", "--no-audit", "--no-fund", "--prefer-offline"];
const BUILDS = 5;
const KIB = 1024;
const MIB = 1024 * KIB;

export async function authoring(root: string): Promise<Figure[]> {
  const folder = await mkdtemp(path.join(tmpdir(), "authoring-"));
  try {
    await buildSdk({ root, log: () => undefined });
    const { stdout } = await run("npm", ["pack", "--silent", path.join(root, "dist/sdk")], { cwd: folder });
    const author = new Author(folder, path.join(folder, stdout.trim()));
    await author.firstTest("warm-up"); // fills npm's cache
    const seconds = await author.firstTest("hello");
    const figures: Figure[] = [
      {
        name: "from an empty folder to the first passing test",
        found: seconds,
        unit: "s",
        goal: { atMost: 120 },
        note: "install the packed SDK, create, install, build, test",
      },
    ];
    figures.push(await reloadTime(path.join(root, "dist/sdk/cli/main.js"), path.join(folder, "hello/plugin")));
    for (const template of TEMPLATE_NAMES) {
      const figure = await author.buildTime(template).catch((error: { stdout?: string }) => {
        // Of compilers that are not there, which the command says itself.
        if (!error.stdout?.includes("install")) throw error;
        process.stderr.write(`template ${template}: ${error.stdout}`);
      });
      if (figure) figures.push(figure);
    }
    return [...figures, ...(await engineSizes(root))];
  } finally {
    await rm(folder, { recursive: true });
  }
}

class Author {
  readonly #folder: string;
  readonly #tarball: string;
  readonly #command: string;

  constructor(folder: string, tarball: string) {
    this.#folder = folder;
    this.#tarball = tarball;
    this.#command = path.join(folder, "warm-up/node_modules/.bin/patchbay");
  }

  /** @returns seconds */
  async firstTest(name: string): Promise<number> {
    const cwd = path.join(this.#folder, name);
    await mkdir(cwd);
    const startedAt = performance.now();
    await writeFile(path.join(cwd, "package.json"), '{ "private": true }');
    await run("npm", [...INSTALL, this.#tarball], { cwd });
    await run("npx", ["patchbay", "create", "plugin", "--sdk", `file:${this.#tarball}`], { cwd });
    await run("npm", INSTALL, { cwd: path.join(cwd, "plugin") });
    await run("npm", ["test"], { cwd: path.join(cwd, "plugin") });
    return (performance.now() - startedAt) / 1000;
  }

  async buildTime(template: string): Promise<Figure> {
    const name = `template-${template}`;
    const cwd = path.join(this.#folder, name);
    const create = ["create", name, "--template", template, "--sdk", `file:${this.#tarball}`];
    await run(process.execPath, [this.#command, ...create], { cwd: this.#folder });
    await run("npm", INSTALL, { cwd });
    const times: number[] = [];
    let size = "";
    for (let round = 0; round < BUILDS; round++) {
      const { stdout } = await run(process.execPath, [this.#command, "build", cwd, "--json"]);
      const { milliseconds, bytes, gzipBytes } = JSON.parse(stdout) as Record<string, number>; // the command's own
      times.push(milliseconds ?? NaN);
      size = `${((bytes ?? NaN) / KIB).toFixed(1)} KiB, ${((gzipBytes ?? NaN) / KIB).toFixed(1)} compressed`;
    }
    const goal = existsSync(path.join(cwd, "src/plugin.ts")) ? { goal: { atMost: 1000 } } : {};
    return { name: `build of the template ${template}`, found: median(times), unit: "ms", ...goal, note: size };
  }
}

/** The engine is in every plugin of TypeScript. */
async function engineSizes(root: string): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const [file, what] of [
    ["engine.wasm", "the JavaScript engine"],
    ["engine-with-parser.wasm", "the JavaScript engine with its parser"],
  ] as const) {
    const engine = await readFile(path.join(root, "sdk/engine", file));
    const note = `${(gzipSync(engine).length / MIB).toFixed(2)} MB compressed`;
    figures.push({ name: what, found: engine.length / MIB, unit: "MB", note });
  }
  return figures;
}
