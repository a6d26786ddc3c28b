import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { buildPlatform } from "../../scripts/build-platform.ts";
import { ApiError } from "../../sdk/account/api-client.ts";
import { DEVELOPMENT_TENANT, startLocalPlatform, type LocalPlatform } from "../../sdk/development/local-platform.ts";
import { inspectPackage } from "../../sdk/inspection/inspect-package.ts";
import type { PackageForm } from "../../sdk/inspection/inspection.ts";
import { uploadPackage } from "../../sdk/publishing/upload-package.ts";
import { utf8 } from "../fixtures/packages/bytes.ts";
import { HOSTILE_ARCHIVES } from "../fixtures/packages/hostile-archive-table.ts";
import { manifestOf } from "../fixtures/packages/manifests.ts";
import { alarmTestModule, extismModule, wasm } from "../fixtures/packages/modules.ts";
import { zip } from "../fixtures/packages/zip-builder.ts";
import { environment, freePort } from "../support/node/running-patchbay.ts";
import { ROOT } from "../support/node/source-files.ts";

/** Commands that speak with a platform, against the one that the SDK itself brings: the real worker under workerd. */

const CLI = path.join(ROOT, "sdk/cli/main.ts");
const PATIENCE_MS = 60_000;
let folder: string;
let platform: LocalPlatform;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "cli-"));
  await buildPlatform({ root: ROOT, log: () => undefined });
  platform = await startLocalPlatform({ folder: ROOT, port: 0 });
  await symlink(path.join(ROOT, "node_modules"), path.join(folder, "node_modules"));
  await patchbay(["create", "greeter", "--id", "acme.greeter"]);
}, PATIENCE_MS);
afterAll(async () => {
  await platform.stop();
  await rm(folder, { recursive: true, force: true });
});

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function settings(): NodeJS.ProcessEnv {
  return environment({ PATCHBAY_CONFIG: path.join(folder, "config") });
}

function patchbay(words: readonly string[], input = ""): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [CLI, ...words],
      { cwd: folder, env: settings() },
      (error, stdout, stderr) => resolve({ code: typeof error?.code === "number" ? error.code : 0, stdout, stderr }),
    );
    child.stdin?.end(input);
  });
}

async function answerOf(words: readonly string[], input?: string): Promise<Record<string, unknown>> {
  const { stdout, stderr } = await patchbay([...words, "--json"], input);
  expect(stderr).toBe("");
  return JSON.parse(stdout) as Record<string, unknown>; // checked by each test
}

async function edit(file: string, from: string, to: string): Promise<void> {
  const target = path.join(folder, "greeter", file);
  await writeFile(target, (await readFile(target, "utf8")).replace(from, to));
}

describe("an author", () => {
  test("logs in with a token, which only its owner reads, and is told who that is", async () => {
    expect((await patchbay(["whoami"])).stderr).toBe(
      "error: You are not logged in: `patchbay login <url>` does that.\n",
    );
    const refused = await patchbay(["login", platform.url], "not.a.token");
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(/^error: TOKEN_INVALID: .*\n$/)]);
    const { token } = platform.client(DEVELOPMENT_TENANT).account;
    const { file } = await answerOf(["login", platform.url], `${token}\n`);
    expect((await stat(String(file))).mode & 0o777).toBe(0o600);
    expect(await answerOf(["whoami"])).toMatchObject({
      url: platform.url,
      tenant: DEVELOPMENT_TENANT,
      roles: ["admin"],
    });
  });

  test("publishes and installs, as often as wanted, and is told where a version is taken", async () => {
    expect(await answerOf(["publish", "greeter", "--install"])).toMatchObject({
      created: true,
      installed: "installed",
    });
    expect(await answerOf(["publish", "greeter", "--install"])).toMatchObject({
      created: false,
      installed: "unchanged",
    });
    await edit("src/plugin.ts", "Hello", "Good day");
    const taken = await patchbay(["publish", "greeter"]);
    expect(taken.code).toBe(1);
    expect(taken.stderr).toMatch(
      /^error: VERSION_CONFLICT: acme\.greeter 0\.1\.0 is published with another content: raise `version`/,
    );
    await edit("src/plugin.ts", "Good day", "Hello");
  });

  test("replays a failed call with the same output and fuel, and sees what a changed plugin does otherwise", async () => {
    const api = platform.client(DEVELOPMENT_TENANT);
    const failed = await api
      .json("POST", "/api/plugins/acme.greeter/execute", { function: "greet", input: { name: "" } })
      .then(
        () => new Error("the call succeeded"),
        (error: unknown) => error,
      );
    if (!(failed instanceof ApiError)) throw failed;
    const executionId = String(failed.problem["executionId"]);
    const replay = async (...more: readonly string[]) => await answerOf(["replay", executionId, ...more]);
    await expect.poll(async () => (await patchbay(["replay", executionId])).code, { timeout: 15_000 }).toBe(0);
    const same = await replay();
    expect(same).toMatchObject({
      executionId,
      same: true,
      sameModule: true,
      recorded: { failure: { code: "PLUGIN_ERROR" } },
    });
    expect(same["replayed"]).toMatchObject({ fuel: (same["recorded"] as { fuel: number }).fuel });
    expect(await replay("--plugin", "greeter")).toMatchObject({ same: true, sameModule: true });
    await edit("src/plugin.ts", "v.minLength(1)", "v.minLength(0)");
    const changed = await patchbay(["replay", executionId, "--plugin", "greeter"]);
    expect(changed.code).toBe(1);
    expect(changed.stdout).toMatch(
      /^failure: recorded PLUGIN_ERROR, replayed nothing \(Another build of the plugin ran\.\)$/m,
    );
    await edit("src/plugin.ts", "v.minLength(0)", "v.minLength(1)");
  });

  test("logs out", async () => {
    expect(await answerOf(["logout"])).toEqual({ removed: true });
    expect((await patchbay(["publish", "greeter"])).code).toBe(1);
  });
});

describe("check", () => {
  const manifest = (fields: Readonly<Record<string, unknown>> = {}): Uint8Array =>
    utf8(JSON.stringify(manifestOf(fields)));
  const module = (bytes: Uint8Array, fields: Readonly<Record<string, unknown>> = {}): PackageForm => {
    return { kind: "module", manifest: manifest(fields), wasm: bytes };
  };
  const linked = { modules: [{ name: "lib", wasm: "lib.wasm" }], files: ["words/"] };
  const archive = async (): Promise<PackageForm> => ({
    kind: "archive",
    archive: await zip([
      { name: "manifest.json", data: manifest({ id: "acme.linked", ...linked }) },
      { name: "plugin.wasm", data: extismModule(), deflate: true },
      { name: "lib.wasm", data: wasm({ functions: { add: "(i32, i32) -> i32" } }) },
      { name: "words/a.txt", data: utf8("a") },
      { name: "tool.exe", data: utf8("MZ") },
    ]),
  });

  test.each<[string, () => PackageForm | Promise<PackageForm>]>([
    ["a module", () => module(extismModule(), { id: "acme.one" })],
    [
      "warnings",
      () => module(extismModule({ data: utf8(`AKIA${"Z".repeat(16)}`) }), { id: "acme.two", permissions: ["storage"] }),
    ],
    ["several modules and files", archive],
    [
      "a start function",
      () => module(extismModule({ start: true, custom: {} }), { id: "acme.start", limits: { memory: 1_048_576 } }),
    ],
    ["no module", () => module(utf8("hello"))],
    ["an unknown import", () => module(wasm({ imports: [{ module: "env", name: "x" }] }))],
    ["a known bad module", () => module(alarmTestModule())],
    ["an invalid manifest", () => module(extismModule(), { version: "one", permissions: ["moon"] })],
    ["an id without a publisher", () => module(extismModule(), { id: "count" })],
    ["a missing function", () => module(extismModule(), { defaultFunction: "gone" })],
    ["too much memory", () => module(extismModule({ memoryPages: 2_000 }))],
  ])("says of %s what the upload says", async (_name, form) => {
    await expectSame(await form());
  });

  test("says of hostile archives what the upload says", async () => {
    // Node unpacks what workerd does not; and one of each kind of refusal is enough here: test/unit/sdk/check.test.ts has all.
    const archives = HOSTILE_ARCHIVES.filter(({ workerdOnly }) => !workerdOnly).filter((_archive, at) => at % 6 === 0);
    for (const { build } of archives) await expectSame({ kind: "archive", archive: await build() });
  });

  async function expectSame(form: PackageForm): Promise<void> {
    const checked = await inspectPackage(form, DEVELOPMENT_TENANT);
    const uploaded = await uploadPackage(platform.client(DEVELOPMENT_TENANT), form).then(
      ({ version }) => {
        const { id: _id, state: _state, uploadedBy: _by, createdAt: _at, ...said } = version;
        const {
          yankedAt: _since,
          yankReason: _why,
          ...same
        } = said as typeof said & Record<"yankedAt" | "yankReason", null>; // the route's answer has them
        return { accepted: true, version: same };
      },
      (error: unknown) => {
        if (!(error instanceof ApiError)) throw error;
        const { instance: _path, traceId: _trace, retryable: _again, ...problem } = error.problem;
        return { accepted: false, problem };
      },
    );
    const { manifest: _manifest, ...said } = { manifest: undefined, ...checked };
    expect(said).toEqual(uploaded);
  }
});

describe("dev", () => {
  let child: ChildProcess;
  let address: string;
  const events: Record<string, unknown>[] = [];

  beforeAll(async () => {
    const port = await freePort();
    address = `http://127.0.0.1:${port}`;
    child = spawn(process.execPath, [CLI, "dev", "greeter", "--port", String(port), "--json"], {
      cwd: folder,
      env: settings(),
      stdio: ["ignore", "pipe", "inherit"],
    });
    if (!child.stdout) throw new Error("no output");
    createInterface(child.stdout).on("line", (line) => events.push(JSON.parse(line) as Record<string, unknown>));
    await reloads(1);
  }, PATIENCE_MS);
  afterAll(() => void child.kill("SIGKILL"));

  function reloads(count: number): Promise<void> {
    const counted = (): void => expect(events.filter(({ event }) => event === "reloaded")).toHaveLength(count);
    return vi.waitFor(counted, { timeout: PATIENCE_MS, interval: 20 });
  }

  async function greet(headers: Record<string, string> = {}): Promise<string> {
    const answer = await fetch(`${address}/greet`, { method: "POST", body: '{"name":"Ada"}', headers });
    return await answer.text();
  }

  test("runs what was built, and a change is what the next call runs", async () => {
    expect(await greet()).toBe('{"text":"Hello, Ada!"}');
    await edit("src/plugin.ts", "Hello", "Welcome");
    await reloads(2);
    expect(await greet()).toBe('{"text":"Welcome, Ada!"}');
    expect(events.filter(({ event }) => event === "called")).toHaveLength(2);
  });

  test("says what is wrong with a build, and goes on with the last good one", async () => {
    await edit("src/plugin.ts", "export default", "export defualt");
    await reloads(3);
    expect(events.at(-1)).toMatchObject({ ok: false, error: expect.stringContaining("plugin.ts:") });
    expect(await greet()).toBe('{"text":"Welcome, Ada!"}');
    await edit("src/plugin.ts", "export defualt", "export default");
    await reloads(4);
  });

  test("goes on from calls that failed to code in which they do not", async () => {
    await edit(
      "src/plugin.ts",
      "const { greeting }",
      'if (name === "Ada") throw new Error("broken");\n        const { greeting }',
    );
    await reloads(5);
    expect(await greet()).toContain("broken");
    await edit("src/plugin.ts", 'if (name === "Ada") throw new Error("broken");\n        ', "");
    await reloads(6);
    expect(events.findLast(({ event }) => event === "reloaded")).toMatchObject({ ok: true });
    expect(await greet()).toBe('{"text":"Welcome, Ada!"}');
  });

  test("answers no page of another site", async () => {
    expect(await greet({ origin: "https://evil.example.com" })).toBe("Only this machine may call.\n");
  });

  test("ends with all it started once it is told to", async () => {
    const ended = once(child, "exit");
    child.kill("SIGINT");
    expect([
      [0, null],
      [130, null],
    ]).toContainEqual(await ended); // 130: ended by SIGINT, which the runtime's own handler may say first
    for (const url of [address, String(events[0]?.["platform"])])
      await expect(fetch(url)).rejects.toThrow("fetch failed");
  });
});
