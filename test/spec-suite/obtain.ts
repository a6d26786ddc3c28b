import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";

const execute = promisify(execFile);

/**
 * The official suite as Debian's source packages carry it: in the tests of Firefox's engine, each script translated to
 * JavaScript. The first one that can be had is used: the newer has modules in the text format, the older as binaries.
 */
export const SOURCES = [
  { name: "mozjs128", release: "trixie" },
  { name: "mozjs78", release: "bookworm" },
] as const;
const SUITE_IN_PACKAGE = "js/src/jit-test/tests/wasm/spec";
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** Where suites are kept, a folder for each package; not part of the repository. */
const SUITES = path.resolve(import.meta.dirname, "../../dist/spec-suite");

/** Folder of the suite and name of its package, or null where none was fetched. */
export function suiteFolder(): { readonly name: (typeof SOURCES)[number]["name"]; readonly folder: string } | null {
  const present = SOURCES.find(({ name }) => existsSync(path.join(SUITES, name, "spec")));
  return present === undefined ? null : { name: present.name, folder: path.join(SUITES, present.name) };
}

/**
 * Fetches the suite with apt. Needs Debian's apt-get and its keyring, tar and xz, and neither root nor a change of the
 * machine's own apt: sources, lists and downloads live in a folder of their own.
 * @returns its folder
 */
export async function obtainSuite(): Promise<string> {
  const present = suiteFolder();
  if (present !== null) return present.folder;
  const failures: unknown[] = [];
  for (const { name, release } of SOURCES) {
    const scratch = await mkdtemp(path.join(tmpdir(), "spec-suite-"));
    try {
      return await fetchSource(name, release, scratch);
    } catch (error) {
      failures.push(error);
    } finally {
      await rm(scratch, { recursive: true });
    }
  }
  throw new AggregateError(failures, "the official test suite cannot be fetched");
}

async function fetchSource(name: string, release: string, scratch: string): Promise<string> {
  const apt = await privateApt(release, scratch);
  await execute("apt-get", [...apt, "update"]);
  await execute("apt-get", [...apt, "source", "--download-only", name], { cwd: scratch });
  const archive = (await readdir(scratch)).find((file) => file.includes(".orig.tar"));
  if (archive === undefined) throw new Error(`${name} has no source archive`);
  const unpacked = path.join(scratch, "unpacked");
  await mkdir(unpacked);
  const members = ["--wildcards", `*/${SUITE_IN_PACKAGE}`, "--strip-components=1"];
  await execute("tar", ["-x", "-f", path.join(scratch, archive), "-C", unpacked, ...members]);
  const folder = path.join(SUITES, name);
  await rm(folder, { recursive: true, force: true });
  await mkdir(SUITES, { recursive: true });
  // The folder appears whole or not at all; another file system may lie between it and the scratch folder.
  await execute("cp", ["-r", path.join(unpacked, SUITE_IN_PACKAGE), `${folder}.new`]);
  await rename(`${folder}.new`, folder);
  return folder;
}

/** Options that make apt read the source packages of one release from the archive that this machine is set up with. */
async function privateApt(release: string, scratch: string): Promise<string[]> {
  const targets = ["indextargets", "--format", "$(ORIGIN) $(LABEL) $(REPO_URI)", "Created-By: Packages"];
  const { stdout } = await execute("apt-get", targets);
  const archive = /^Debian Debian (\S+)$/m.exec(stdout)?.[1];
  if (archive === undefined) throw new Error("no Debian archive among the sources of apt");
  const lists = path.join(scratch, "lists");
  const sources = path.join(scratch, "sources.list");
  await mkdir(path.join(lists, "partial"), { recursive: true });
  await mkdir(path.join(scratch, "no-parts"));
  await writeFile(sources, `deb-src [signed-by=${KEYRING}] ${archive} ${release} main\n`);
  const options = [
    `Dir::Etc::SourceList=${sources}`,
    `Dir::Etc::SourceParts=${path.join(scratch, "no-parts")}`,
    `Dir::State::Lists=${lists}`,
    `Dir::Cache=${scratch}`,
    "APT::Sandbox::User=root",
    "Acquire::Retries=3",
    "quiet=2",
  ];
  return options.flatMap((option) => ["-o", option]);
}
