import type { LocalApi } from "../../scripts/bootstrap.ts";
import type { BenchPlatform } from "./platform.ts";
import { median, quantile, type Figure } from "./statistics.ts";

/** Messages published one after another, for what one message takes. */
const SINGLE = 40;
/** Between them, so that none waits for another. */
const PAUSE_MS = 250;
/** Messages published at once, for how many go through. */
const MANY = 400;
const PUBLISHERS = 10;
const WAIT_MS = 60_000;

interface Run {
  readonly subject: string;
  readonly startedAt: number;
  readonly durationMs: number;
}

/**
 * The message bus, from before the request that publishes to the start of the subscriber's function. Each message has a
 * topic of its own, by which its execution is found again; both clocks are this machine's.
 */
export async function messages(platform: BenchPlatform, echo: Uint8Array): Promise<Figure[]> {
  await platform.install("demo.subscriber", echo, {
    events: { subscribes: [{ topic: "bench.*", function: "run" }] },
  });
  await publishAll(platform, "warm", 20, PUBLISHERS);
  await runsOf(platform, "warm", 20);

  const sent = await publishAll(platform, "single", SINGLE, 1, PAUSE_MS);
  const runs = await runsOf(platform, "single", SINGLE);
  const delays = [...runs].map(([topic, { startedAt }]) => startedAt - (sent.get(topic) ?? startedAt));

  const began = Date.now();
  await publishAll(platform, "many", MANY, PUBLISHERS);
  const published = Date.now();
  const all = [...(await runsOf(platform, "many", MANY)).values()];
  const ended = Math.max(...all.map(({ startedAt, durationMs }) => startedAt + durationMs));
  return [
    {
      name: "message bus, from publishing to the subscriber's start, p50",
      found: median(delays),
      unit: "ms",
      note: `p95 ${quantile(delays, 0.95).toFixed(0)} ms, ${SINGLE} messages one after another`,
    },
    {
      name: `message bus, messages handled a second`,
      found: (MANY * 1000) / (ended - began),
      unit: "messages/s",
      note: `${MANY} messages to one subscriber; published in ${published - began} ms by ${PUBLISHERS} at once`,
    },
  ];
}

/** @returns when each topic was published to */
async function publishAll(
  { api }: BenchPlatform,
  name: string,
  count: number,
  publishers: number,
  pauseMs = 0,
): Promise<ReadonlyMap<string, number>> {
  const sent = new Map<string, number>();
  const topics = Array.from({ length: count }, (_, index) => `bench.${name}-${index}`).values();
  const publisher = async (): Promise<void> => {
    for (const topic of topics) {
      sent.set(topic, Date.now());
      const answer = await api.call("POST", `/api/plugins/topics/${topic}`, { data: { topic } });
      if (answer.status !== 202) throw new Error(`publishing: HTTP ${answer.status} ${await answer.text()}`);
      await answer.body?.cancel();
      if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  };
  await Promise.all(Array.from({ length: publishers }, publisher));
  return sent;
}

/** The execution that each message led to, by topic, once all are there. */
async function runsOf({ api }: BenchPlatform, name: string, count: number): Promise<ReadonlyMap<string, Run>> {
  const until = Date.now() + WAIT_MS;
  for (;;) {
    const runs = new Map<string, Run>();
    for (const run of await executionsOf(api, "demo.subscriber")) {
      if (run.subject.startsWith(`topic:bench.${name}-`)) runs.set(run.subject.slice("topic:".length), run);
    }
    if (runs.size === count) return runs;
    if (Date.now() > until) throw new Error(`${runs.size} of ${count} messages were handled within ${WAIT_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

async function executionsOf(api: LocalApi, pluginId: string): Promise<Run[]> {
  const runs: Run[] = [];
  let cursor: string | null = "";
  while (cursor !== null) {
    const query: string = cursor === "" ? "" : `&cursor=${cursor}`;
    const answer = await api.call("GET", `/api/plugins/${pluginId}/executions?limit=100${query}`);
    const page = (await answer.json()) as { items: Run[]; nextCursor: string | null }; // our own API
    runs.push(...page.items);
    cursor = page.nextCursor;
  }
  return runs;
}

/** Waits until a subscriber has run as often as messages were published, so that it takes no time from the next bench. */
export async function handled({ api }: BenchPlatform, pluginId: string, count: number): Promise<void> {
  const until = Date.now() + WAIT_MS;
  for (;;) {
    const { length } = await executionsOf(api, pluginId);
    if (length >= count) return;
    if (Date.now() > until) throw new Error(`${pluginId} handled ${length} of ${count} messages within ${WAIT_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}
