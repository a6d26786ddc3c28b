import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createClient, paginate, watchEvents, type Client } from "../../sdk/client/index.ts";
import { environment, RunningPatchbay, temporaryFolder } from "../support/node/running-patchbay.ts";
import { ROOT } from "../support/node/source-files.ts";

/** The client against a running deployment, and as it is downloaded from there. */

const run = promisify(execFile);
let state: Awaited<ReturnType<typeof temporaryFolder>>;
let patchbay: RunningPatchbay;
let token: string;
let client: Client;

beforeAll(async () => {
  state = await temporaryFolder();
  patchbay = await RunningPatchbay.start(state.path);
  const words = ["scripts/token.ts", "--tenant", "demo", "--role", "admin"];
  const { stdout } = await run(process.execPath, words, { cwd: ROOT, env: environment(patchbay.settings) });
  token = stdout.trim();
  client = createClient({ url: patchbay.url, token });
}, 180_000);

afterAll(async () => {
  await patchbay.stop();
  await state.remove();
});

describe("the client", () => {
  test("runs a plugin, once for a key", async () => {
    const call = { id: "sentiment", idempotencyKey: "once", body: { input: { text: "lovely" } } };
    const first = await client.executePlugin(call);
    expect(first).toMatchObject({ status: "succeeded", output: { label: "positive" } });
    expect((await client.executePlugin(call)).executionId).toBe(first.executionId);
  });

  test("reads lists to their end, and says what is wrong by code", async () => {
    const ids: string[] = [];
    for await (const { id } of paginate(client.listPlugins, { limit: 1 })) ids.push(id);
    expect(ids).toContain("sentiment");
    await expect(client.getPlugin({ id: "nothing" })).rejects.toMatchObject({ code: "PLUGIN_NOT_FOUND", status: 404 });
  });

  test("hears what happens, after what has happened", async () => {
    const stream = watchEvents(client, { plugin: "sentiment", after: 0 });
    const types: string[] = [];
    for await (const event of stream) {
      types.push(event.type);
      if (event.type === "plugin.activated") await client.deactivatePlugin({ id: "sentiment" });
      if (event.type === "plugin.deactivated") break;
    }
    expect(types).toContain("plugin.installed");
    await client.activatePlugin({ id: "sentiment" });
  });
});

test("what /sdk gives away installs, has types and runs", async () => {
  const page = await fetch(`${patchbay.url}/sdk`);
  expect(await page.text()).toContain("/sdk/patchbay-client.tgz");
  const folder = await mkdtemp(path.join(tmpdir(), "caller-"));
  await writeFile(path.join(folder, "package.json"), '{"type":"module"}');
  const install = ["install", "--no-audit", "--no-fund", "--prefer-offline", `${patchbay.url}/sdk/patchbay-client.tgz`];
  await run("npm", install, { cwd: folder });
  const [, example = ""] = /```ts\n([\s\S]*?)```/.exec(await readFile(path.join(ROOT, "docs/client.md"), "utf8")) ?? [];
  await writeFile(path.join(folder, "example.ts"), example);
  const options = ["--noEmit", "--strict", "--target", "esnext", "--module", "nodenext", "--types", "node"];
  const types = ["--typeRoots", path.join(ROOT, "node_modules/@types")];
  await run(
    process.execPath,
    [path.join(ROOT, "node_modules/typescript/bin/tsc"), ...options, ...types, "example.ts"],
    {
      cwd: folder,
    },
  );
  const env = { ...process.env, PATCHBAY_URL: patchbay.url, PATCHBAY_TOKEN: token };
  const { stdout } = await run(process.execPath, ["example.ts"], { cwd: folder, env });
  expect(stdout).toMatch(/^positive\n/);
  const { createClient: bundled } = (await import(
    `data:text/javascript,${encodeURIComponent(await (await fetch(`${patchbay.url}/sdk/client.js`)).text())}`
  )) as { createClient: typeof createClient }; // the same module in one file
  expect(await bundled({ url: patchbay.url }).getLiveness()).toMatchObject({ status: "ok" });
  await rm(folder, { recursive: true });
}, 120_000);
