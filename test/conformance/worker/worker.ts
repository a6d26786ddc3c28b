import type { SandboxOutcome } from "../../../sdk/contract/sandbox.ts";
import type { HostBridge } from "../../../sdk/contract/user-functions.ts";
import { CallBridge } from "../../../worker/execution/bridge.ts";
import { BufferedStreams, type CallStreams } from "../../../worker/execution/call-streams.ts";
import { CallLedger } from "../../../worker/execution/call-ledger.ts";
import { parsePrivateHosts, PublicEgress } from "../../../worker/execution/capabilities/http/egress.ts";
import type { CapabilityServices } from "../../../worker/execution/capabilities/services.ts";
import type { CallRequest, CallAnswer, HostedCall } from "./protocol.ts";
import { REACH } from "../../support/guests/tenant-reach.ts";

/**
 * Loads what the suite sends into Dynamic Workers and calls it there: `PUT /isolates/<id>` with the modules as a form, the main one first,
 * `POST /isolates/<id>/calls` with a {@link CallRequest}. `?outbound` at the first lets the isolate itself reach the network.
 */

interface ConformanceEnv {
  LOADER: WorkerLoader;
}

interface Host {
  call(call: HostedCall, bridge: HostBridge): Promise<SandboxOutcome>;
  callTogether(calls: readonly HostedCall[]): Promise<SandboxOutcome[]>;
}

const isolates = new Map<string, WorkerLoaderWorkerCode>();

async function codeFrom(form: FormData, outbound: boolean): Promise<WorkerLoaderWorkerCode> {
  const modules: Record<string, string | { wasm: ArrayBuffer }> = {};
  for (const [name, part] of form) {
    modules[name] = typeof part === "string" ? part : { wasm: await part.arrayBuffer() };
  }
  return {
    compatibilityDate: "2026-07-01",
    compatibilityFlags: ["no_nodejs_compat", "no_nodejs_compat_v2"],
    mainModule: Object.keys(modules)[0] ?? "",
    modules,
    env: {},
    ...(outbound ? {} : { globalOutbound: null }),
  };
}

async function callAll(host: Host, { calls, order }: CallRequest): Promise<CallAnswer[]> {
  const wanted = calls.map(decodeCall);
  if (order === "together") return (await host.callTogether(wanted)).map(encodeOutcome);
  const one = async (call: HostedCall): Promise<CallAnswer> => {
    try {
      return await callOne(host, call);
    } catch (error) {
      return { hostError: String(error) };
    }
  };
  if (order === "overlapping") return Promise.all(wanted.map(one));
  const answers: CallAnswer[] = [];
  for (const call of wanted) answers.push(await one(call));
  return answers;
}

async function callOne(host: Host, call: HostedCall): Promise<CallAnswer> {
  const streams = new BufferedStreams(call.input, call.limits);
  return encodeOutcome(streams.finish(await host.call(call, bridgeFor(call, streams))));
}

/** The platform's side of a call, on a network where the hosts of the grant are open. */
function bridgeFor({ context, now, grants = {} }: HostedCall, streams: CallStreams): CallBridge {
  const clock = { now: () => now };
  const privateHosts = parsePrivateHosts((grants.http?.hosts ?? []).join(","));
  const egress = new PublicEgress({ fetch: (...request) => fetch(...request), clock, names: new Map(), privateHosts });
  const services: Partial<CapabilityServices> = { clock, egress };
  return new CallBridge({
    context,
    grants,
    services: services as CapabilityServices, // all that HTTP and hashing ask for
    reach: REACH,
    ledger: new CallLedger(),
    streams,
  });
}

function decodeCall({ input, randomSeed, ...rest }: CallRequest["calls"][number]): HostedCall {
  return { ...rest, input: Uint8Array.fromBase64(input), randomSeed: Uint8Array.fromBase64(randomSeed) };
}

function encodeOutcome(outcome: SandboxOutcome): CallAnswer {
  return { outcome: { ...outcome, output: outcome.output?.toBase64() } };
}

// The runtime finds a worker's handlers in its default export.
// oxlint-disable-next-line import/no-default-export
export default {
  async fetch(request: Request, env: ConformanceEnv): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    const [, , id, calls] = pathname.split("/");
    if (id === undefined) return new Response("ready");
    if (calls === undefined) {
      isolates.set(id, await codeFrom(await request.formData(), searchParams.has("outbound")));
      return new Response("loaded");
    }
    const code = isolates.get(id);
    if (code === undefined) return new Response(`no isolate ${id}`, { status: 404 });
    const wanted: CallRequest = await request.json();
    const host = env.LOADER.get(id, () => code).getEntrypoint(wanted.entrypoint) as unknown as Host; // the loader cannot know the class it loads
    return Response.json(await callAll(host, wanted));
  },
} satisfies ExportedHandler<ConformanceEnv>;
