import { rewriteModule } from "../../../worker/execution/metering/rewrite.ts";
import type { KernelRequest } from "./protocol.ts";

/**
 * Runs what the bench sends, inside workerd: `PUT /kernels/<name>` with two modules as a form, plain and metered, then
 * `POST /kernels/<name>` with a {@link KernelRequest}; `POST /rewrite?rounds=<n>` with a module, which is rewritten here.
 */

interface KernelEnv {
  readonly LOADER: WorkerLoader;
}

const kernels = new Map<string, WorkerLoaderWorkerCode>();

async function codeFrom(form: FormData): Promise<WorkerLoaderWorkerCode> {
  const modules: Record<string, string | { wasm: ArrayBuffer }> = {};
  for (const [name, part] of form) modules[name] = typeof part === "string" ? part : { wasm: await part.arrayBuffer() };
  return { compatibilityDate: "2026-07-01", mainModule: "main.js", modules, env: {}, globalOutbound: null };
}

const POLICY = { memoryPages: 65_536, tableElements: 10_000_000, callDepth: 10_240, keepNames: true, hideTables: true };

/** Milliseconds of each round, and bytes written. Without rounds nothing is rewritten: what the transfer alone takes. */
async function rewrite(request: Request, rounds: number): Promise<object> {
  const module = new Uint8Array(await request.arrayBuffer());
  const times: number[] = [];
  let outputBytes = 0;
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    outputBytes = 0;
    for (const chunk of rewriteModule(module, POLICY).chunks) outputBytes += chunk.length;
    times.push(performance.now() - start);
  }
  return { times, outputBytes, inputBytes: module.length };
}

// The runtime finds a worker's handlers in its default export.
// oxlint-disable-next-line import/no-default-export
export default {
  async fetch(request: Request, env: KernelEnv): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/rewrite") return Response.json(await rewrite(request, Number(searchParams.get("rounds"))));
    const name = pathname.split("/").at(-1) ?? "";
    if (request.method === "PUT") {
      kernels.set(name, await codeFrom(await request.formData()));
      return new Response(null, { status: 204 });
    }
    const code = kernels.get(name);
    if (!code) return new Response("up");
    const wanted = await request.json<KernelRequest>();
    const worker = env.LOADER.get(name, () => code);
    return worker.getEntrypoint().fetch("http://kernel/", { method: "POST", body: JSON.stringify(wanted) });
  },
} satisfies ExportedHandler<KernelEnv>;
