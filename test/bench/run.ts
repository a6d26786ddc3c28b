import { readFile } from "node:fs/promises";
import path from "node:path";
import { build } from "../../scripts/build.ts";
import { logProgress } from "../../scripts/progress.ts";
import { buildGuests } from "../support/guests/build-guests.ts";
import { authoring } from "./authoring.ts";
import { backups } from "./backups.ts";
import { capabilities } from "./capabilities.ts";
import { writeGuests } from "./guests.ts";
import { health } from "./health.ts";
import { hooks } from "./hooks.ts";
import { hostFigures } from "./hosts.ts";
import { messages } from "./messages.ts";
import { asymmetry } from "./metering/asymmetry.ts";
import { overhead, rewriting } from "./metering/workerd.ts";
import { moduleOfSize, moduleWithData } from "./modules.ts";
import { profiledCalls } from "./profiles.ts";
import { startPlatform, upload, type BenchPlatform } from "./platform.ts";
import { instanceFigures } from "./instances.ts";
import { orderPricing } from "./order-pricing.ts";
import { interleaved, timed } from "./requests.ts";
import { median, quantile, showFigure, type Figure } from "./statistics.ts";
import { startUpMilliseconds } from "./start-up.ts";
import { startBenchWorker } from "./workers.ts";

/** `npm run bench`: every figure of a run is measured in that run; ratios are what counts. */

const MIB = 1024 * 1024;

async function warmCall(platform: BenchPlatform, bareUrl: string): Promise<Figure[]> {
  const body = "x".repeat(64);
  const headers = { authorization: `Bearer ${platform.token}`, "content-type": "application/octet-stream" };
  const ours = () => timed(`${platform.url}/api/plugins/demo.echo/execute`, { headers, body });
  const bare = () => timed(`${bareUrl}/?function=run`, { body });
  await interleaved(50, ours, bare);
  const times = await interleaved(400, ours, bare);
  return [
    {
      name: "warm execute over HTTP, against a bare worker, p50",
      found: median(times.first) / median(times.second),
      unit: "x",
      goal: { atMost: 1.5 },
      note: `${median(times.first).toFixed(2)} ms against ${median(times.second).toFixed(2)} ms`,
    },
  ];
}

async function coldCall(platform: BenchPlatform): Promise<Figure[]> {
  const headers = { authorization: `Bearer ${platform.token}`, "content-type": "text/plain" };
  const times: number[] = [];
  let size = 0;
  for (let version = 0; version < 15; version++) {
    const module = await moduleOfSize(140_000, 1_000 + version);
    size = module.length;
    await platform.install(`demo.cold-${version}`, module);
    const answer = await timed(`${platform.url}/api/plugins/demo.cold-${version}/execute`, {
      headers,
      body: "",
    });
    if (answer.status !== 200) throw new Error(`cold call: HTTP ${answer.status} ${answer.body}`);
    times.push(answer.ms);
  }
  return [
    {
      name: `first call of a version, ${Math.round(size / 1000)} KB module, median`,
      found: median(times),
      unit: "ms",
      goal: { atMost: 25 },
    },
  ];
}

async function burst(platform: BenchPlatform): Promise<Figure[]> {
  const headers = { authorization: `Bearer ${platform.token}`, "content-type": "text/plain" };
  const url = `${platform.url}/api/plugins/demo.echo/execute`;
  const call = () => timed(url, { headers, body: "burst" });
  await Promise.all(Array.from({ length: 100 }, call));
  const answers = await Promise.all(Array.from({ length: 100 }, call));
  const failed = answers.filter(({ status, body }) => status !== 200 || body !== "burst").length;
  return [
    { name: "100 calls at once, failed", found: failed, unit: "errors", goal: { atMost: 0 } },
    {
      name: "100 calls at once, p95",
      found: quantile(
        answers.map(({ ms }) => ms),
        0.95,
      ),
      unit: "ms",
      goal: { atMost: 200 },
    },
  ];
}

async function largeUpload(platform: BenchPlatform): Promise<Figure[]> {
  const module = moduleWithData(50 * MIB - 4_096, 7);
  const start = performance.now();
  const answer = await upload(platform.api, "demo.large", module);
  const seconds = (performance.now() - start) / 1000;
  if (answer.status !== 201) throw new Error(`large upload: HTTP ${answer.status} ${await answer.text()}`);
  await answer.body?.cancel();
  return [{ name: "upload of 50 MB: store, inspect, rewrite", found: seconds, unit: "s", goal: { atMost: 5 } }];
}

async function profiles(platform: BenchPlatform): Promise<Figure[]> {
  return profiledCalls(platform, (await buildGuests()).get("profiled") ?? new Uint8Array(), root);
}

/** The worker's own profiler says how long the bundle's top level keeps the processor. */
async function startUp(root: string): Promise<Figure[]> {
  const budgets = JSON.parse(await readFile(path.join(root, "budgets.json"), "utf8")) as {
    startupMilliseconds: number;
  }; // our own file
  const times: number[] = [];
  for (let round = 0; round < 3; round++) times.push(await startUpMilliseconds(root));
  return [
    {
      name: "start-up of the worker, active processor time",
      found: median(times),
      unit: "ms",
      goal: { atMost: budgets.startupMilliseconds },
    },
  ];
}

type Measurement = (platform: BenchPlatform, bareUrl: string) => Promise<Figure[]>;

/** What `npm run bench -- <name> …` chooses from; all of them where none is named. */
const ON_PLATFORM: Readonly<Record<string, Measurement>> = {
  warm: warmCall,
  cold: coldCall,
  burst,
  upload: largeUpload,
  profile: profiles,
  messages: async (platform) => messages(platform, (await buildGuests()).get("echo") ?? new Uint8Array()),
  capabilities: async (platform) => capabilities(platform, await buildGuests(), root),
  health: async (platform, bareUrl) => health(platform, bareUrl, (await buildGuests()).get("trap") ?? new Uint8Array()),
  hooks: async (platform) => hooks(platform, (await buildGuests()).get("echo") ?? new Uint8Array()),
  backups: async (platform) => backups(platform, (await buildGuests()).get("echo") ?? new Uint8Array()),
};
const ALONE: Readonly<Record<string, (root: string) => Promise<Figure[]>>> = {
  "start-up": startUp,
  hosts: hostFigures,
  instances: instanceFigures,
  "order-pricing": orderPricing,
  authoring,
  overhead,
  asymmetry: () => Promise.resolve(asymmetry()),
  rewriting,
};

async function platformFigures(root: string, names: readonly string[]): Promise<Figure[]> {
  if (names.length === 0) return [];
  const platform = await startPlatform(root);
  const bare = await startBenchWorker(root, "bare-worker", "/?function=run").catch(async (error: unknown) => {
    await platform.stop();
    throw error;
  });
  try {
    const guests = await buildGuests();
    await platform.install("demo.echo", guests.get("echo") ?? new Uint8Array());
    const figures: Figure[] = [];
    for (const name of names) figures.push(...((await ON_PLATFORM[name]?.(platform, bare.url)) ?? []));
    return figures;
  } finally {
    await bare.stop();
    await platform.stop();
  }
}

const root = path.resolve(import.meta.dirname, "../..");
const known = [...Object.keys(ALONE), ...Object.keys(ON_PLATFORM)];
const chosen = process.argv.length > 2 ? process.argv.slice(2) : known;
const unknown = chosen.filter((name) => !known.includes(name));
if (unknown.length > 0) throw new Error(`no such bench: ${unknown.join(", ")}; there are ${known.join(", ")}`);
await build({ root, log: logProgress });
await writeGuests(root, await buildGuests());
const figures = await platformFigures(
  root,
  chosen.filter((name) => Object.hasOwn(ON_PLATFORM, name)),
);
for (const name of chosen) figures.push(...((await ALONE[name]?.(root)) ?? []));
process.stdout.write(`${figures.map(showFigure).join("\n")}\n`);
