import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";

const execute = promisify(execFile);

/**
 * The official suite as a Debian source package carries it: in the tests of a JavaScript engine, each script translated by
 * the suite's own reference interpreter. Debian 12, main.
 */
const PACKAGE = "mozjs78";
const VERSION = "78.15.0-7";
const SUITE_IN_PACKAGE = "js/src/jit-test/tests/wasm/spec";

/** Where the suite is kept; not part of the repository. */
export const SUITE_FOLDER = path.resolve(import.meta.dirname, "../../dist/spec-suite");

export function suiteIsThere(): boolean {
  return existsSync(path.join(SUITE_FOLDER, "spec"));
}

/**
 * Fetches the suite with apt into {@link SUITE_FOLDER}. Needs apt-get, tar and xz, and neither root nor a change of the
 * machine's own apt: lists and downloads live in a folder of their own.
 */
export async function obtainSuite(): Promise<void> {
  if (suiteIsThere()) return;
  const folder = await mkdtemp(path.join(tmpdir(), "spec-suite-"));
  try {
    const apt = await privateApt(folder);
    await execute("apt-get", [...apt, "update"]);
    await execute("apt-get", [...apt, "source", "--download-only", `${PACKAGE}=${VERSION}`], { cwd: folder });
    const archive = (await readdir(folder)).find((name) => name.includes(".orig.tar"));
    if (archive === undefined) throw new Error(`${PACKAGE} ${VERSION} has no source archive`);
    const unpacked = path.join(folder, "unpacked");
    await mkdir(unpacked);
    const members = ["--wildcards", `*/${SUITE_IN_PACKAGE}`, "--strip-components=1"];
    await execute("tar", ["-x", "-f", path.join(folder, archive), "-C", unpacked, ...members]);
    await mkdir(path.dirname(SUITE_FOLDER), { recursive: true });
    await rm(SUITE_FOLDER, { recursive: true, force: true });
    await execute("cp", ["-r", path.join(unpacked, SUITE_IN_PACKAGE), `${SUITE_FOLDER}.new`]);
    await rename(`${SUITE_FOLDER}.new`, SUITE_FOLDER);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Options that make apt read the machine's Debian sources as sources of source packages. */
async function privateApt(folder: string): Promise<string[]> {
  const parts = path.join(folder, "sources");
  const lists = path.join(folder, "lists");
  await mkdir(parts);
  await mkdir(path.join(lists, "partial"), { recursive: true });
  const [sources, list] = ["/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list"];
  if (existsSync(sources)) {
    const text = (await readFile(sources, "utf8")).replaceAll(/^Types:.*$/gm, "Types: deb-src");
    await writeFile(path.join(parts, "debian.sources"), text);
  } else {
    const text = (await readFile(list, "utf8")).replaceAll(/^deb /gm, "deb-src ");
    await writeFile(path.join(parts, "debian.list"), text);
  }
  const options = [
    "Dir::Etc::SourceList=/dev/null",
    `Dir::Etc::SourceParts=${parts}`,
    `Dir::State::Lists=${lists}`,
    `Dir::Cache=${folder}`,
    "APT::Sandbox::User=root",
    "Acquire::Retries=3",
    "quiet=2",
  ];
  return options.flatMap((option) => ["-o", option]);
}
