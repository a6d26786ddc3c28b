import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { commandRows } from "../../../sdk/cli/command-table.ts";
import { completionScript } from "../../../sdk/cli/completion.ts";
import { patchbay } from "../../../sdk/cli/program.ts";
import { languageChecks, platformChecks, skewCheck } from "../../../sdk/diagnosis/checks.ts";
import { runCasesOnExtism } from "../../../sdk/project/extism-host.ts";
import { guestBytes } from "../../support/guests/provided-guests.ts";

const run = promisify(execFile);
const rows = commandRows(patchbay());

describe("every command", () => {
  test("has a summary, an answer in JSON, and a name of its own", () => {
    expect(rows.filter(({ summary }) => summary === "")).toEqual([]);
    expect(rows.filter(({ options }) => !options.some(({ long }) => long === "json"))).toEqual([]);
    expect(new Set(rows.map((row) => row.path)).size).toBe(rows.length);
  });
});

describe("completion", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "completion-"));
    await writeFile(path.join(folder, "bash"), completionScript("bash", rows));
  });
  afterAll(() => rm(folder, { recursive: true }));

  test.each([
    { words: ["patchbay", "bu"], found: "build" },
    { words: ["patchbay", "keys", "ex"], found: "export" },
    { words: ["patchbay", "create", "--temp"], found: "--template" },
    { words: ["patchbay", "publish", "--y"], found: "--yes" },
    { words: ["patchbay", "nothing", ""], found: "" },
  ])("of $words in bash is $found", async ({ words, found }) => {
    const list = words.map((word) => `"${word}"`).join(" ");
    const script = `source ${path.join(folder, "bash")}; COMP_WORDS=(${list}); COMP_CWORD=${words.length - 1}; _patchbay; printf %s "\${COMPREPLY[*]}"`;
    expect((await run("bash", ["-c", script])).stdout).toBe(found);
  });

  test("is there for zsh and fish", () => {
    expect(completionScript("zsh", rows)).toMatch(
      /^#compdef patchbay\n[\s\S]*'publish:build, check and upload a plugin'/,
    );
    expect(completionScript("fish", rows)).toContain(
      "complete -c patchbay -n '__fish_seen_subcommand_from run' -l input -s i -r",
    );
  });
});

describe("doctor", () => {
  test("knows what each language needs, and that TypeScript needs nothing", async () => {
    const checks = await languageChecks(tmpdir());
    expect(checks).toContainEqual({ name: "TypeScript", status: "ok", detail: "needs nothing beside this package" });
    expect(checks.every(({ status }) => status !== "problem")).toBe(true);
  });

  test("tells clocks that differ by more than a token bears", () => {
    expect(skewCheck(0, 5_000)).toMatchObject({ status: "ok" });
    expect(skewCheck(0, 90_000)).toMatchObject({ status: "problem", detail: expect.stringContaining("90 s ahead of") });
    expect(skewCheck(90_000, 0)).toMatchObject({ detail: expect.stringContaining("90 s behind") });
  });

  test("tells a platform that cannot be reached", async () => {
    process.env["PATCHBAY_URL"] = "http://127.0.0.1:1";
    process.env["PATCHBAY_TOKEN"] = "t";
    try {
      expect(await platformChecks()).toEqual([
        { name: "platform", status: "problem", detail: "http://127.0.0.1:1 cannot be reached" },
      ]);
    } finally {
      delete process.env["PATCHBAY_URL"];
      delete process.env["PATCHBAY_TOKEN"];
    }
  });
});

test("cases run on Extism's own host, and those that need the platform are not judged", async () => {
  const cases = [
    { name: "greets", function: "greet", input: "you", output: "Hi, you!", config: { greeting: "Hi" } },
    { name: "is wrong", function: "greet", input: "you", output: "Bye", config: { greeting: "Hi" } },
    { name: "keeps", function: "keep", input: "one", output: {} },
  ];
  expect(await runCasesOnExtism(guestBytes("typescript-shop"), cases)).toEqual([
    { name: "greets", passed: true },
    { name: "is wrong", passed: false, found: "Hi, you!", expected: "Bye" },
    { name: "keeps", passed: true, skipped: "storage_set, which only the platform has" },
  ]);
  const [failed] = await runCasesOnExtism(guestBytes("fail"), [
    { name: "fails", function: "run", error: "PLUGIN_ERROR" },
  ]);
  expect(failed).toEqual({ name: "fails", passed: true });
});
