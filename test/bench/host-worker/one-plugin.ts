import { WorkerEntrypoint } from "cloudflare:workers";
import kernel from "isolate/kernel.wasm";
import metered from "isolate/metered.wasm";
import plugin from "isolate/plugin.wasm";
import type { SandboxCall, SandboxOutcome } from "../../../sdk/contract/sandbox.ts";
import { GuestPool } from "../../../worker/execution/sandbox/guest-pool.ts";
import { KernelPool } from "../../../worker/execution/sandbox/kernel-pool.ts";
import { describePlugin } from "../../../worker/execution/sandbox/plugin-module.ts";
import { callOurs, callReference, inTurn, openReference } from "./contenders.ts";
import type { HostTimes } from "../statistics.ts";

/** As host-worker, for the one plugin of the isolate. Has the shape of a host: the output of a call is {@link HostTimes} in JSON. */

const kernels = new KernelPool(kernel);
const described = describePlugin(metered);

async function measure({ functionName, input, config }: SandboxCall): Promise<HostTimes> {
  const rounds = Number(config["rounds"]);
  const ours = (): Promise<Uint8Array> => callOurs(kernels, described, functionName, input);
  const guests = new GuestPool(kernels);
  const oursKept = (): Promise<Uint8Array> => callOurs(kernels, described, functionName, input, guests);
  const reference = async (): Promise<Uint8Array> => callReference(await openReference(plugin), functionName, input);
  const kept = await openReference(plugin);
  const referenceKept = (): Promise<Uint8Array> => callReference(kept, functionName, input);
  const expected = (await ours()).join();
  if ((await referenceKept()).join() !== expected) throw new Error("the hosts disagree");
  const second = await referenceKept().catch(() => undefined);
  // A command: its destructors have run after the first call.
  if (second?.join() !== expected)
    return { ...(await inTurn(rounds, { ours, reference, oursKept })), referenceKept: [] };
  return inTurn(rounds, { ours, reference, referenceKept, oursKept });
}

export class InstanceBench extends WorkerEntrypoint {
  async call(call: SandboxCall): Promise<SandboxOutcome> {
    const output = new TextEncoder().encode(JSON.stringify(await measure(call)));
    const usage = { fuel: 0, memoryBytes: 0, hostCalls: 0 };
    return { output, failure: undefined, usage, logs: [], logsTruncated: false };
  }
}
