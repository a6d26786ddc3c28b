import { readFile } from "node:fs/promises";
import path from "node:path";
import type { BenchPlatform } from "./platform.ts";
import { interleaved, timed } from "./requests.ts";
import { median, type Figure } from "./statistics.ts";

/** What a profile costs: the same call, profiled and plain, in turn. */

const ROUNDS = 25;

interface ProfileJob {
  readonly id: string;
  readonly name: string;
  readonly module: Uint8Array;
  readonly manifest: object;
  readonly input: string;
  readonly goal: number;
}

export async function profiledCalls(platform: BenchPlatform, recursion: Uint8Array, root: string): Promise<Figure[]> {
  const sentence = "The room was small, but the staff were incredibly helpful! I would not call the breakfast bad. ";
  const jobs: readonly ProfileJob[] = [
    {
      id: "demo.profiled",
      name: "2 x fib(25): nothing but calls",
      module: recursion,
      manifest: {},
      input: "x".repeat(25),
      goal: 12,
    },
    {
      id: "demo.sentiment",
      name: "sentiment of 4 KB",
      module: await readFile(path.join(root, "dist/plugins/sentiment/plugin.wasm")),
      manifest: { defaultFunction: "analyze" },
      input: sentence.repeat(42),
      goal: 8,
    },
  ];
  const figures: Figure[] = [];
  for (const job of jobs) figures.push(await measure(platform, job));
  return figures;
}

async function measure(platform: BenchPlatform, job: ProfileJob): Promise<Figure> {
  await platform.install(job.id, job.module, job.manifest);
  const authorization = `Bearer ${platform.token}`;
  const url = `${platform.url}/api/plugins/${job.id}`;
  const json = { authorization, "content-type": "application/json" };
  const raw = { authorization, "content-type": "application/octet-stream" };
  const profiled = () => timed(`${url}/profile`, { headers: json, body: JSON.stringify({ input: job.input }) });
  const plain = () => timed(`${url}/execute`, { headers: raw, body: job.input });
  await interleaved(3, profiled, plain);
  const times = await interleaved(ROUNDS, profiled, plain);
  return {
    name: `profile over execute, ${job.name}`,
    found: median(times.first) / median(times.second),
    unit: "x",
    goal: { atMost: job.goal },
    note: `${median(times.first).toFixed(1)} ms against ${median(times.second).toFixed(1)} ms`,
  };
}
