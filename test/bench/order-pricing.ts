import { isDeepStrictEqual } from "node:util";
import path from "node:path";
import { buildProject } from "../../sdk/project/build-project.ts";
import { openProject } from "../../sdk/project/project.ts";
import { createHost, type TestHost } from "../../sdk/testing/index.ts";
import { median, type Figure } from "./statistics.ts";

/** The same job in the languages of the SDK: an order of 50 lines is read, named, priced and written, on the platform's host in this process. */

const LANGUAGES = ["typescript", "assemblyscript", "c"];
const LINES = 50;
const ROUNDS = 40;

const ORDER = {
  id: "A-1815",
  customer: { name: "Åsa Lindström", tier: "gold" },
  items: Array.from({ length: LINES }, (_, at) => ({
    sku: `SKU-${at}`,
    name: `Crème brûlée & No. ${at}`,
    quantity: 1 + (at % 4),
    price: 250 + at * 17,
  })),
};

interface Contender {
  readonly language: string;
  readonly host: TestHost;
  readonly times: number[];
  readonly bytes: number;
  fuel: number;
}

export async function orderPricing(root: string): Promise<Figure[]> {
  const contenders: Contender[] = [];
  for (const language of LANGUAGES) {
    const project = await openProject(path.join(root, "test/bench/order-pricing", language));
    const { module, bytes } = await buildProject(project, { target: path.join(root, "dist/order-pricing", language) });
    contenders.push({ language, host: await createHost({ plugin: module }), times: [], bytes, fuel: 0 });
  }
  const input = JSON.stringify(ORDER);
  let expected: unknown;
  for (let round = 0; round < ROUNDS; round++) {
    for (const contender of contenders) {
      const startedAt = performance.now();
      const call = await contender.host.call("price", input);
      contender.times.push(performance.now() - startedAt);
      contender.fuel = call.fuel;
      const priced: unknown = call.json();
      expected ??= priced;
      if (!isDeepStrictEqual(priced, expected)) throw new Error(`${contender.language} prices otherwise`);
    }
  }
  const base = median(contenders[0]?.times ?? []);
  return contenders.map(({ language, times, bytes, fuel }) => ({
    name: `order of ${LINES} lines in ${language}, a call in a new instance`,
    found: median(times),
    unit: "ms",
    note: `${(base / median(times)).toFixed(1)} times as fast as TypeScript; ${fuel} fuel, ${Math.round(bytes / 1024)} KiB`,
  }));
}
