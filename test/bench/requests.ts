import { Agent, request } from "node:http";

/** Timed requests. */

export interface Timed {
  readonly ms: number;
  readonly status: number;
  readonly body: string;
}

export interface TimedRequest {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Connections are kept: opening a hundred at once costs the client more than the calls themselves. */
const agent = new Agent({ keepAlive: true, maxSockets: 100 });

/** Sends a POST and reads its whole answer. */
export function timed(url: string, { headers = {}, body }: TimedRequest): Promise<Timed> {
  const start = performance.now();
  return new Promise((resolve, reject) => {
    const outgoing = request(url, {
      method: "POST",
      agent,
      headers: { ...headers, "content-length": Buffer.byteLength(body) },
    });
    outgoing.once("error", reject);
    outgoing.once("response", (answer) => {
      let text = "";
      answer.setEncoding("utf8");
      answer.on("data", (chunk) => (text += String(chunk)));
      answer.once("error", reject);
      answer.once("end", () => resolve({ ms: performance.now() - start, status: answer.statusCode ?? 0, body: text }));
    });
    outgoing.end(body);
  });
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
