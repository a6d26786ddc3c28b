import type { BenchPlatform } from "./platform.ts";
import { interleaved, timed, type Timed } from "./requests.ts";
import { median, quantile, type Figure } from "./statistics.ts";

/** A hook that many plugins attach to, against the client calling each of them by itself. */

const STEPS = 50;
const ROUNDS = 10;
const HOOK = "bench:step";

/** Plugins of their own, none shares an isolate with another; each gives the payload back. */
export async function hooks(platform: BenchPlatform, echo: Uint8Array): Promise<Figure[]> {
  const ids = Array.from({ length: STEPS }, (_, index) => `demo.step-${index}`);
  for (const id of ids) await platform.install(id, echo, { hooks: [{ name: HOOK, function: "run" }] });
  const waterfall = () => fire(platform);
  const separate = () => callEach(platform, ids);
  await interleaved(2, waterfall, separate);
  const times = await interleaved(ROUNDS, waterfall, separate);
  return [
    {
      name: `waterfall of ${STEPS} steps, against as many calls one by one`,
      found: median(times.first) / median(times.second),
      unit: "x",
      note: `${median(times.first).toFixed(0)} ms (p90 ${quantile(times.first, 0.9).toFixed(0)}) against ${median(times.second).toFixed(0)} ms (p90 ${quantile(times.second, 0.9).toFixed(0)}), medians of ${ROUNDS}`,
    },
  ];
}

interface Fired {
  readonly steps: readonly { readonly status: string }[];
}

async function fire(platform: BenchPlatform): Promise<Timed> {
  const answer = await timed(`${platform.url}/api/plugins/hooks/${HOOK}`, {
    headers: { authorization: `Bearer ${platform.token}`, "content-type": "application/json" },
    body: JSON.stringify({ payload: { total: 1 }, mode: "waterfall" }),
  });
  if (answer.status !== 200) throw new Error(`hook: HTTP ${answer.status} ${answer.body}`);
  const { steps } = JSON.parse(answer.body) as Fired; // our own API
  const succeeded = steps.filter(({ status }) => status === "succeeded").length;
  if (succeeded !== STEPS) throw new Error(`hook: ${succeeded} of ${STEPS} steps succeeded`);
  return answer;
}

/** Each call gets what the one before answered. */
async function callEach(platform: BenchPlatform, ids: readonly string[]): Promise<Timed> {
  const headers = { authorization: `Bearer ${platform.token}`, "content-type": "application/octet-stream" };
  const start = performance.now();
  let body = JSON.stringify({ total: 1 });
  for (const id of ids) {
    const answer = await timed(`${platform.url}/api/plugins/${id}/execute`, { headers, body });
    if (answer.status !== 200) throw new Error(`${id}: HTTP ${answer.status} ${answer.body}`);
    ({ body } = answer);
  }
  return { ms: performance.now() - start, status: 200, body };
}
