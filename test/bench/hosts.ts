import { type BenchWorker, startBenchWorker } from "./workers.ts";
import { fastest, type Figure, type HostTimes, type SuspensionTimes } from "./statistics.ts";

/**
 * What a call costs inside the isolate, against the reference host in the same one (host-worker): no HTTP, no RPC. Rounds of all
 * contenders alternate; figures are of the fastest round, which is the mean of at least 30 ms.
 */

const ROUNDS = 20;
const KIB = 1024;

interface Size {
  readonly guest: "echo" | "greet" | "noop";
  readonly bytes: number;
  readonly title: string;
  readonly goal?: Figure["goal"];
}

const SIZES: readonly Size[] = [
  { guest: "noop", bytes: 0, title: "no input, nothing done" },
  { guest: "greet", bytes: 8, title: "8-byte greeting", goal: { atLeast: 1.5 } },
  { guest: "echo", bytes: 8, title: "echo 8 B" },
  { guest: "echo", bytes: KIB, title: "echo 1 KiB" },
  { guest: "echo", bytes: 64 * KIB, title: "echo 64 KiB", goal: { atLeast: 5 } },
  { guest: "echo", bytes: 1_024 * KIB, title: "echo 1 MiB" },
  { guest: "noop", bytes: 64 * KIB, title: "64 KiB that nobody reads" },
];

export async function hostFigures(root: string): Promise<Figure[]> {
  const worker = await startBenchWorker(root, "host-worker", "/?guest=greet&rounds=1");
  try {
    const figures: Figure[] = [];
    for (const size of SIZES) figures.push(await perCall(worker, size));
    return [...figures, ...(await suspensions(worker))];
  } finally {
    await worker.stop();
  }
}

async function perCall(worker: BenchWorker, { guest, bytes, title, goal }: Size): Promise<Figure> {
  const times = await ask<HostTimes>(worker, `guest=${guest}&bytes=${bytes}`);
  const [ours, reference, kept] = [fastest(times.ours), fastest(times.reference), fastest(times.referenceKept)];
  const oursKept = fastest(times.oursKept);
  const note = `${microseconds(ours)} us against ${microseconds(reference)} us; with an object that is kept, ${microseconds(oursKept)} us against ${microseconds(kept)} us`;
  const name = `${title}: reference host's time over ours`;
  return { name, found: reference / ours, unit: "x", note, ...(goal === undefined ? {} : { goal }) };
}

async function suspensions(worker: BenchWorker): Promise<Figure[]> {
  const times = await ask<SuspensionTimes>(worker, "guest=suspend");
  const [none, suspended, stayed] = [fastest(times.none), fastest(times.suspended), fastest(times.stayed)];
  const each = (total: number): number => ((total - none) * 1000) / times.suspensions;
  return [
    {
      name: "one suspension of the guest, more than a host call",
      found: each(suspended) - each(stayed),
      unit: "us",
      note: `${each(suspended).toFixed(2)} us a poll_oneoff that waits, ${each(stayed).toFixed(2)} us a call answered at once; slope over ${times.suspensions}`,
    },
  ];
}

async function ask<Times>(worker: BenchWorker, query: string): Promise<Times> {
  const answer = await fetch(`${worker.url}/?${query}&rounds=${ROUNDS}`);
  if (!answer.ok) throw new Error(`host-worker: HTTP ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as Times; // our own worker's
}

function microseconds(milliseconds: number): string {
  const value = milliseconds * 1000;
  return value.toFixed(value < 100 ? 1 : 0);
}
