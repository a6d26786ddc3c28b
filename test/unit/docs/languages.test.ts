import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { createPlugin } from "../../../sdk/cli/commands/create.ts";
import { TEMPLATES } from "../../../sdk/cli/commands/templates.ts";
import { USER_FUNCTIONS } from "../../../sdk/contract/user-functions.ts";
import { LANGUAGES } from "../../../sdk/project/languages/languages.ts";
import { checkRequirement } from "../../../sdk/project/languages/requirement.ts";
import { createHost } from "../../../sdk/testing/index.ts";
import { findUnpackedCompilers } from "../../support/node/unpacked-compilers.ts";

/** What docs/languages.md says, done. */

const ROOT = path.resolve(import.meta.dirname, "../../..");
const EXAMPLES = [
  { language: "assemblyscript", fence: "ts" },
  { language: "c", fence: "c" },
  { language: "rust", fence: "rust" },
  { language: "go", fence: "go" },
  { language: "zig", fence: "zig" },
];
/** The example is the same with less work of the optimizer. */
const ASCONFIG = { options: { optimizeLevel: 0, runtime: "incremental", transform: ["json-as"] } };
let page: string;
let scratch: string;
beforeAll(async () => {
  findUnpackedCompilers();
  vi.spyOn(process.stdout, "write").mockReturnValue(true); // what `create` says
  page = await readFile(path.join(ROOT, "docs/languages.md"), "utf8");
  scratch = await mkdtemp(path.join(tmpdir(), "languages-page-"));
  await symlink(path.join(ROOT, "node_modules"), path.join(scratch, "node_modules"));
});
afterAll(() => {
  vi.restoreAllMocks();
  return rm(scratch, { recursive: true });
});

test("names every language with each file that a plugin may begin in, as templates make them", () => {
  const rows = page.split("\n").filter((line) => line.startsWith("| "));
  for (const { title, entries } of LANGUAGES) {
    const row = rows.find((line) => line.startsWith(`| ${title} `));
    expect([title, entries.some((entry) => row?.includes(`\`${entry}\``))]).toEqual([title, true]);
  }
});

test("has a row of requests and answers for each function of the platform", () => {
  const rows = [...page.matchAll(/^\| `(\w+)` /gm)].map(([, name]) => name);
  expect(rows.filter((name) => name?.includes("_"))).toEqual(Object.keys(USER_FUNCTIONS));
});

test.for(EXAMPLES)("the example in $language works as the text says", async ({ language: name, fence }, { skip }) => {
  const language = LANGUAGES.find((one) => one.name === name);
  const example = new RegExp(`\`\`\`${fence}\\n([^]*?)\`\`\``).exec(page)?.[1];
  const [entry] = language?.entries ?? [];
  if (!language || !example || !entry) throw new Error(`There is no example in ${name}.`);
  const folder = path.join(scratch, name, "hello");
  for (const requirement of language.requirements) {
    const check = await checkRequirement(requirement, scratch);
    if ("compiler" in check) continue;
    if (process.env["CONFORMANCE_REQUIRE_ALL"] === "1") throw new Error(check.problem);
    skip(check.problem);
  }
  if (TEMPLATES[name]?.binding) await createPlugin(folder, { template: name, author: "Acme", sdk: "^0.1.0" });
  await mkdir(path.dirname(path.join(folder, entry)), { recursive: true });
  await writeFile(path.join(folder, entry), example);
  await writeFile(path.join(folder, "asconfig.json"), JSON.stringify(ASCONFIG));
  const built = await language.build({ folder, entry: path.join(folder, entry) }, { withParser: false });
  expect(built.warnings).toEqual([]);
  const counting = await createHost({ plugin: built.wasm, grants: { storage: {} } });
  expect((await counting.call("visit")).text()).toBe("1");
  expect((await counting.call("visit")).text()).toBe("2");
  const refused = await createHost({ plugin: built.wasm });
  expect((await refused.call("visit")).text()).toBe("not counted");
});
