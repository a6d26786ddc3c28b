import type { UserFunction } from "../../sdk/contract/user-functions.ts";
import { handled } from "./messages.ts";
import { LOOPBACK, type BenchPlatform } from "./platform.ts";
import { timed, type Timed } from "./requests.ts";
import { median, type Figure } from "./statistics.ts";
import { startBenchWorker } from "./workers.ts";

/** What a capability costs a plugin, against a plain worker that does the same by itself. */

/** Calls of one request; fewer than the quotas of one execution. */
const CALLS = 8;
const ROUNDS = 20;
const WARM_UP = 3;
const PLUGIN = "demo.repeat-calls";
const SUBSCRIBER = "demo.bench-subscriber";
const TOPIC = "bench-events.published";

interface Job {
  readonly call: UserFunction;
  readonly name: string;
  readonly request: object;
  /** The plain worker's URL or topic. */
  readonly plain: string;
  /** Waits for what so many calls set off in the background, so that it takes no time from the next request. */
  readonly settled?: (calls: number) => Promise<void>;
}

/** Requests that make no call and that make `CALLS`, in milliseconds, one value per round. */
interface Sample {
  readonly none: number[];
  readonly calls: number[];
}

/**
 * One call is the difference between a request that makes `CALLS` of them one after the other and one that makes none. Plugin and
 * plain worker take turns.
 */
export async function capabilities(
  platform: BenchPlatform,
  guests: ReadonlyMap<string, Uint8Array>,
  root: string,
): Promise<Figure[]> {
  await installAll(platform, guests);
  const url = `http://${LOOPBACK.host}/`;
  const jobs: readonly Job[] = [
    { call: "storage_get", name: "storage get", request: { key: "bench" }, plain: "bench" },
    { call: "http_send", name: "HTTP call to loopback", request: { url }, plain: url },
    {
      call: "events_publish",
      name: "event publish",
      request: { topic: TOPIC, data: { of: "bench" } },
      plain: TOPIC,
      settled: (calls) => handled(platform, SUBSCRIBER, calls),
    },
  ];
  const plain = await startBenchWorker(root, "capability-worker", "/", ["--answer", LOOPBACK.answer]);
  try {
    const figures: Figure[] = [];
    for (const job of jobs) figures.push(...(await measure(platform, plain.url, job)));
    return figures;
  } finally {
    await plain.stop();
  }
}

async function installAll(platform: BenchPlatform, guests: ReadonlyMap<string, Uint8Array>): Promise<void> {
  const guest = (name: string): Uint8Array => guests.get(name) ?? new Uint8Array();
  await platform.install(SUBSCRIBER, guest("echo"), {
    events: { subscribes: [{ topic: TOPIC, function: "run" }] },
  });
  await platform.install(PLUGIN, guest("repeat-calls"), {
    defaultFunction: "storage_get",
    permissions: ["storage", { capability: "http", hosts: [LOOPBACK.host] }, "events"],
    events: { publishes: [TOPIC] },
  });
  const grants = { storage: {}, http: {}, events: {} };
  const granted = await platform.api.call("PUT", `/api/plugins/${PLUGIN}/permissions`, { grants });
  if (!granted.ok) throw new Error(`granting: HTTP ${granted.status} ${await granted.text()}`);
  await granted.body?.cancel();
  await ask(platform, "storage_set", { key: "bench" }, 1);
}

async function measure(
  platform: BenchPlatform,
  plainUrl: string,
  { call, name, request, plain, settled }: Job,
): Promise<Figure[]> {
  const ours = (count: number) => ask(platform, call, request, count);
  const theirs = (count: number) => askPlain(plainUrl, call, plain, count);
  for (let round = 0; round < WARM_UP; round++) for (const host of [ours, theirs]) await host(CALLS);
  await settled?.(WARM_UP * CALLS);
  const plugin: Sample = { none: [], calls: [] };
  const worker: Sample = { none: [], calls: [] };
  for (let round = 0; round < ROUNDS; round++) {
    const turns = [
      async () => plugin.none.push((await ours(0)).ms),
      async () => worker.none.push((await theirs(0)).ms),
      async () => {
        plugin.calls.push((await ours(CALLS)).ms);
        await settled?.((WARM_UP + round + 1) * CALLS);
      },
      async () => worker.calls.push((await theirs(CALLS)).ms),
    ];
    for (const turn of round % 2 === 0 ? turns : turns.toReversed()) await turn();
  }
  const [pluginMs, workerMs] = [perCall(plugin), perCall(worker)];
  return [
    {
      name: `one ${name} from a plugin, against a plain worker`,
      found: pluginMs / workerMs,
      unit: "x",
      note: `${pluginMs.toFixed(2)} ms against ${workerMs.toFixed(2)} ms, of medians of ${ROUNDS} requests with and without ${CALLS} calls`,
    },
    {
      name: `request with ${CALLS} x ${name}, against a plain worker`,
      found: median(plugin.calls) / median(worker.calls),
      unit: "x",
      note: `${median(plugin.calls).toFixed(2)} ms against ${median(worker.calls).toFixed(2)} ms`,
    },
  ];
}

const perCall = ({ none, calls }: Sample): number => (median(calls) - median(none)) / CALLS;

/** @throws Error where the last call was refused or failed: its time would say nothing */
async function ask(platform: BenchPlatform, call: UserFunction, request: object, count: number): Promise<Timed> {
  const answer = await timed(`${platform.url}/api/plugins/${PLUGIN}/execute?function=${call}`, {
    headers: { authorization: `Bearer ${platform.token}`, "content-type": "application/octet-stream" },
    body: String.fromCharCode(count) + JSON.stringify(request),
  });
  const expected = answer.status === 200 && (count === 0 || answer.body.startsWith('{"value":'));
  if (!expected) throw new Error(`${call}: HTTP ${answer.status} ${answer.body}`);
  return answer;
}

async function askPlain(url: string, call: string, body: string, count: number): Promise<Timed> {
  const answer = await timed(`${url}/?call=${call}&count=${count}`, { body });
  if (answer.body !== "done") throw new Error(`plain ${call}: HTTP ${answer.status} ${answer.body}`);
  return answer;
}
