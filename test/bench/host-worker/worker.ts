import { GuestPool } from "../../../worker/execution/sandbox/guest-pool.ts";
import { KernelPool } from "../../../worker/execution/sandbox/kernel-pool.ts";
import { describePlugin } from "../../../worker/execution/sandbox/plugin-module.ts";
import type { HostTimes, SuspensionTimes } from "../statistics.ts";
import { callOurs, callReference, inTurn, openReference } from "./contenders.ts";
import kernel from "../../../worker/execution/sandbox/kernel.generated.wasm";
import echo from "../../../dist/guests/echo.wasm";
import greet from "../../../dist/guests/greet.wasm";
import noop from "../../../dist/guests/noop.wasm";
import echoRewritten from "../../../dist/bench/echo.wasm";
import greetRewritten from "../../../dist/bench/greet.wasm";
import noopRewritten from "../../../dist/bench/noop.wasm";
import suspendRewritten from "../../../dist/bench/suspend.wasm";

/**
 * Our host and the reference host in one isolate, in turn: `/?guest=echo&bytes=8&rounds=25` answers {@link HostTimes},
 * `/?guest=suspend&rounds=25` {@link SuspensionTimes}. Both hosts make a new instance for each call: the reference host mixes up
 * callers that share one, which is measured beside it. Ours runs the metered module under all limits, the reference the module
 * as compiled.
 */

const GUESTS = {
  echo: { original: echo, rewritten: describePlugin(echoRewritten) },
  greet: { original: greet, rewritten: describePlugin(greetRewritten) },
  noop: { original: noop, rewritten: describePlugin(noopRewritten) },
} as const;
const SUSPEND = describePlugin(suspendRewritten);
const SUSPENSIONS = 500;

const kernels = new KernelPool(kernel);

async function measureHosts(name: keyof typeof GUESTS, bytes: number, rounds: number): Promise<HostTimes> {
  const { original, rewritten } = GUESTS[name];
  const input = new Uint8Array(bytes).fill(97);
  const kept = await openReference(original);
  const ours = (): Promise<Uint8Array> => callOurs(kernels, rewritten, "run", input);
  const reference = async (): Promise<Uint8Array> => callReference(await openReference(original), "run", input);
  const guests = new GuestPool(kernels);
  const oursKept = (): Promise<Uint8Array> => callOurs(kernels, rewritten, "run", input, guests);
  const same = [await ours(), await reference()].map((output) => output.join());
  // The reference host answers one zero byte where there is no output.
  if (same[0] !== "" && same[0] !== same[1]) throw new Error(`the hosts disagree on ${name}`);
  return inTurn(rounds, { ours, reference, referenceKept: () => callReference(kept, "run", input), oursKept });
}

async function measureSuspensions(rounds: number): Promise<SuspensionTimes> {
  const times = (count: number): Uint8Array => new Uint8Array(new BigUint64Array([BigInt(count)]).buffer);
  const found = await inTurn(rounds, {
    none: () => callOurs(kernels, SUSPEND, "run", times(0)),
    suspended: () => callOurs(kernels, SUSPEND, "run", times(SUSPENSIONS)),
    stayed: () => callOurs(kernels, SUSPEND, "stay", times(SUSPENSIONS)),
  });
  return { ...found, suspensions: SUSPENSIONS };
}

// The runtime finds a worker's handlers in its default export.
// oxlint-disable-next-line import/no-default-export
export default {
  async fetch(request: Request): Promise<Response> {
    const query = new URL(request.url).searchParams;
    const rounds = Number(query.get("rounds") ?? 20);
    const guest = query.get("guest") ?? "greet";
    if (guest === "suspend") return Response.json(await measureSuspensions(rounds));
    if (!Object.hasOwn(GUESTS, guest)) return new Response(`no guest ${guest}`, { status: 404 });
    const name = guest as keyof typeof GUESTS; // checked just above
    return Response.json(await measureHosts(name, Number(query.get("bytes") ?? 8), rounds));
  },
} satisfies ExportedHandler;
