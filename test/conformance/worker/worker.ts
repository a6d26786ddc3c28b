import type { SandboxCall, SandboxOutcome } from "../../../sdk/contract/sandbox.ts";
import type { CallRequest, CallAnswer } from "./protocol.ts";

/**
 * Loads what the suite sends into Dynamic Workers and calls it there: `PUT /isolates/<id>` with the modules as a form, the main one first,
 * `POST /isolates/<id>/calls` with a {@link CallRequest}. Knows nothing of the hosts it loads.
 */

interface ConformanceEnv {
  LOADER: WorkerLoader;
}

interface Host {
  call(call: SandboxCall): Promise<SandboxOutcome>;
  callTogether(calls: readonly SandboxCall[]): Promise<SandboxOutcome[]>;
}

const isolates = new Map<string, WorkerLoaderWorkerCode>();

async function codeFrom(form: FormData): Promise<WorkerLoaderWorkerCode> {
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
    globalOutbound: null,
  };
}

async function callAll(host: Host, { calls, order }: CallRequest): Promise<CallAnswer[]> {
  const wanted = calls.map(decodeCall);
  if (order === "together") return (await host.callTogether(wanted)).map(encodeOutcome);
  const one = async (call: SandboxCall): Promise<CallAnswer> => {
    try {
      return encodeOutcome(await host.call(call));
    } catch (error) {
      return { hostError: String(error) };
    }
  };
  if (order === "overlapping") return Promise.all(wanted.map(one));
  const answers: CallAnswer[] = [];
  for (const call of wanted) answers.push(await one(call));
  return answers;
}

function decodeCall({ input, randomSeed, ...rest }: CallRequest["calls"][number]): SandboxCall {
  return { ...rest, input: Uint8Array.fromBase64(input), randomSeed: Uint8Array.fromBase64(randomSeed) };
}

function encodeOutcome(outcome: SandboxOutcome): CallAnswer {
  return { outcome: { ...outcome, output: outcome.output?.toBase64() } };
}

// The runtime finds a worker's handlers in its default export.
// oxlint-disable-next-line import/no-default-export
export default {
  async fetch(request: Request, env: ConformanceEnv): Promise<Response> {
    const [, , id, calls] = new URL(request.url).pathname.split("/");
    if (id === undefined) return new Response("ready");
    if (calls === undefined) {
      isolates.set(id, await codeFrom(await request.formData()));
      return new Response("loaded");
    }
    const code = isolates.get(id);
    if (code === undefined) return new Response(`no isolate ${id}`, { status: 404 });
    const wanted: CallRequest = await request.json();
    const host = env.LOADER.get(id, () => code).getEntrypoint(wanted.entrypoint) as unknown as Host; // the loader cannot know the class it loads
    return Response.json(await callAll(host, wanted));
  },
} satisfies ExportedHandler<ConformanceEnv>;
