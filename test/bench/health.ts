import type { BenchPlatform } from "./platform.ts";
import { interleaved, timed, type Timed } from "./requests.ts";
import { median, quantile, type Figure } from "./statistics.ts";

/** Faults after which a breaker opens (durable-objects/plugin-health/breaker-rules.ts). */
const FAULTS = 5;
/** Plugins whose breaker is opened, each once. */
const PLUGINS = 12;
/** Good calls are reported once a second and verdicts asked for every two: the measured time has several of both. */
const MEASURED_MS = 8_000;
const ROUNDS = 50;
/** A verdict is asked for before a call that comes this long after the one before. */
const IDLE_MS = 2_100;
const IDLE_CALLS = 5;

/**
 * The breaker as a caller meets it, over HTTP in one process: how long after the fault that opens it a call is first refused, and
 * what calls cost that are counted, against a bare Worker Loader worker that counts nothing.
 *
 * @param trap  a plugin whose `run` traps
 */
export async function health(platform: BenchPlatform, bareUrl: string, trap: Uint8Array): Promise<Figure[]> {
  return [...(await counted(platform, bareUrl)), ...(await refusals(platform, trap))];
}

async function counted(platform: BenchPlatform, bareUrl: string): Promise<Figure[]> {
  const body = "x".repeat(64);
  const ours = () => call(platform, "demo.echo", body);
  const bare = () => timed(`${bareUrl}/?function=run`, { body });
  await interleaved(ROUNDS, ours, bare);
  const [first, second]: [number[], number[]] = [[], []];
  for (const until = performance.now() + MEASURED_MS; performance.now() < until;) {
    const times = await interleaved(ROUNDS, ours, bare);
    first.push(...times.first);
    second.push(...times.second);
  }
  const asking: number[] = [];
  for (let round = 0; round < IDLE_CALLS; round++) {
    await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
    asking.push((await ours()).ms);
  }
  const [p50, p99] = [median(first), quantile(first, 0.99)];
  return [
    {
      name: "warm execute with health reported, against a bare worker, p50",
      found: p50 / median(second),
      unit: "x",
      goal: { atMost: 1.5 },
      note: `${p50.toFixed(2)} ms against ${median(second).toFixed(2)} ms; p99 ${p99.toFixed(2)} against ${quantile(second, 0.99).toFixed(2)}; ${first.length} calls in ${MEASURED_MS / 1000} s`,
    },
    {
      name: "execute that asks for a verdict first, median",
      found: median(asking),
      unit: "ms",
      note: `${IDLE_CALLS} calls, each ${IDLE_MS} ms after the one before`,
    },
  ];
}

async function refusals(platform: BenchPlatform, trap: Uint8Array): Promise<Figure[]> {
  const times: number[] = [];
  let late = 0;
  for (let index = 0; index < PLUGINS; index++) {
    const id = `demo.failing-${index}`;
    await platform.install(id, trap);
    for (let fault = 0; fault < FAULTS; fault++) expectCode(await call(platform, id), "PLUGIN_TRAPPED");
    const opened = performance.now();
    let answer = await call(platform, id);
    for (; codeOf(answer) === "PLUGIN_TRAPPED"; answer = await call(platform, id)) late += 1;
    expectCode(answer, "BREAKER_OPEN");
    times.push(performance.now() - opened);
  }
  return [
    {
      name: "from the fifth fault's answer to a refusal, median",
      found: median(times),
      unit: "ms",
      goal: { atMost: 2_000 },
      note: `worst ${Math.max(...times).toFixed(2)} ms of ${PLUGINS} plugins; ${late} calls were still made after a fifth fault`,
    },
  ];
}

function call({ url, token }: BenchPlatform, id: string, body = ""): Promise<Timed> {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/octet-stream" };
  return timed(`${url}/api/plugins/${id}/execute`, { headers, body });
}

function codeOf({ status, body }: Timed): string | undefined {
  return status < 400 ? undefined : (JSON.parse(body) as { code: string }).code; // a problem document of our own
}

function expectCode(answer: Timed, code: string): void {
  if (codeOf(answer) !== code) throw new Error(`not ${code}: HTTP ${answer.status} ${answer.body}`);
}
