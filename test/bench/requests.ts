/** Timed requests. */

export interface Timed {
  readonly ms: number;
  readonly status: number;
  readonly body: string;
}

export async function timed(url: string, request: RequestInit): Promise<Timed> {
  const start = performance.now();
  const answer = await fetch(url, request);
  const body = await answer.text();
  return { ms: performance.now() - start, status: answer.status, body };
}

/** Sends both requests in turn, A B B A …, so that drift of the machine's speed falls on both alike. */
export async function interleaved(
  rounds: number,
  first: () => Promise<Timed>,
  second: () => Promise<Timed>,
): Promise<{ first: number[]; second: number[] }> {
  const times = { first: [] as number[], second: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    for (const turn of round % 2 === 0 ? (["first", "second"] as const) : (["second", "first"] as const)) {
      const answer = await (turn === "first" ? first() : second());
      if (answer.status !== 200) throw new Error(`${turn}: HTTP ${answer.status} ${answer.body}`);
      times[turn].push(answer.ms);
    }
  }
  return times;
}
