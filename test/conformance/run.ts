import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { isDeepStrictEqual, parseArgs } from "node:util";
import { buildSandbox } from "../../scripts/build-sandbox.ts";
import { logProgress } from "../../scripts/progress.ts";
import type { SandboxOutcome } from "../../sdk/contract/sandbox.ts";
import { buildPlugins, type BuiltPlugin } from "./build.ts";
import { callOf, readCaseFile, readPluginCases, titleOf, withServer } from "./cases.ts";
import { difference, type Difference } from "./compare.ts";
import { startConformanceWorker } from "./conformance-worker.ts";
import { countExchanges, testIsolation } from "./isolation.ts";
import { clip, faults } from "./judge.ts";
import { startLoopbackServer } from "./loopback-server.ts";
import { openNodeHost, readKernel, type NodeHost } from "./node-host.ts";
import { renderPage, type PluginFindings } from "./page.ts";
import { openHosts, type Hosts } from "./programs.ts";
import { Report } from "./report.ts";

import { testTenants } from "./tenants.ts";

/** The whole suite; scripts/conformance.ts starts it. */

const ROOT = path.resolve(import.meta.dirname, "../..");
const PAGE = path.join(ROOT, "docs/conformance.md");

const { values: options } = parseArgs({
  options: { check: { type: "boolean" }, only: { type: "string" }, plugins: { type: "string" } },
});
const report = new Report();
await buildSandbox({ root: ROOT, log: logProgress });
const shared = (await readCaseFile(path.join(import.meta.dirname, "cases.json"))).cases;
const folder = path.resolve(options.plugins ?? path.join(import.meta.dirname, "plugins"));
const selected = (await readPluginCases(folder, shared)).filter(({ name }) => name.includes(options.only ?? ""));
const { built, skipped } = await buildPlugins(ROOT, selected, logProgress);
const findings = await runAll(built);
for (const { name, faults: found } of await testTenants(ROOT, built)) report.add(name, found);
for (const { name, missing } of skipped) {
  if (process.env["CONFORMANCE_REQUIRE_ALL"] === "1") report.add(name, [`not compiled, missing: ${missing}`]);
}
if (skipped.length === 0 && options.only === undefined && options.plugins === undefined) await settlePage();
report.close(skipped.length);

async function runAll(plugins: readonly BuiltPlugin[]): Promise<readonly PluginFindings[]> {
  const kernel = await readKernel(ROOT);
  const worker = await startConformanceWorker(ROOT);
  const server = await startLoopbackServer();
  try {
    const hosts = await openHosts(ROOT, worker, kernel);
    const all: PluginFindings[] = [];
    for (const plugin of withServer(plugins, server.host))
      all.push(await runPlugin(plugin, hosts, await openNodeHost(kernel, plugin.module)));
    return all;
  } finally {
    await worker.stop();
    await server.stop();
  }
}

async function runPlugin(plugin: BuiltPlugin, hosts: Hosts, node: NodeHost): Promise<PluginFindings> {
  const ours = await hosts.ours(plugin.name, plugin.module);
  const reference = await hosts.reference(plugin.name, plugin.module);
  const differences: Difference[] = [];
  for (const one of plugin.cases) {
    const call = callOf(one);
    const name = `${plugin.name} ${titleOf(one)}`;
    const [outcome] = await ours.call([call], "in turn");
    if (outcome === undefined) throw new Error(`${name}: no outcome`);
    report.add(name, faults(outcome, one.expect));
    if (one.grants === undefined) report.add(`${name}, under Node`, unequal(outcome, await node(call)));
    if (one.withoutReference !== undefined) continue;
    const [answer] = await reference.call([call], "in turn");
    const found = answer === undefined ? undefined : difference(plugin.name, one, answer);
    if (found !== undefined) differences.push(found);
  }
  for (const { name, faults: found } of await testIsolation(plugin, ours)) report.add(`${plugin.name} ${name}`, found);
  const exchanges = plugin.functions.has("remember") ? await countExchanges(reference) : undefined;
  return { plugin, differences, exchanges };
}

/** Same plugin, same call: same output, failure, logs and fuel, wherever it runs. */
function unequal(inWorkerd: SandboxOutcome, underNode: SandboxOutcome): readonly string[] {
  const [workerd, node] = [untimed(inWorkerd), untimed(underNode)];
  const keys = ["output", "failure", "usage", "logs", "logsTruncated"] as const;
  return keys
    .filter((key) => !isDeepStrictEqual(plain(workerd[key]), plain(node[key])))
    .map(
      (key) =>
        `${key}: ${clip(JSON.stringify(workerd[key]) ?? "none")} in workerd, ${clip(JSON.stringify(node[key]) ?? "none")} here`,
    );
}

/** Without how long the clock says it took. */
function untimed(outcome: SandboxOutcome): SandboxOutcome {
  const { failure } = outcome;
  if (failure?.code !== "WALL_CLOCK_EXCEEDED") return outcome;
  return { ...outcome, failure: { code: failure.code, detail: "" } };
}

/** Without what JSON does not carry, and with bytes that compare. */
function plain(value: unknown): unknown {
  return value instanceof Uint8Array
    ? Buffer.from(value).toString("base64")
    : JSON.parse(JSON.stringify(value ?? null));
}

async function settlePage(): Promise<void> {
  const page = await renderPage(findings);
  if (options.check === true) {
    const current = await readFile(PAGE, "utf8").catch(() => "");
    report.add("docs/conformance.md", current === page ? [] : ["is out of date: run npm run conformance"]);
  } else {
    await writeFile(PAGE, page);
  }
}
