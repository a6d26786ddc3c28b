import { readFile } from "node:fs/promises";
import path from "node:path";
import { parseArgs, parseEnv } from "node:util";
import { convertV4MiniflareOptions, Miniflare, Response, type V4MiniflareOptions } from "miniflare";
import { unstable_getMiniflareWorkerOptions } from "wrangler";
import { bundleWorker } from "./worker-bundle.ts";

/**
 * `node scripts/serve.ts --config wrangler.toml --port 8787 --state folder --variables file`: runs a worker under workerd until
 * it is told to stop, with the bindings of its wrangler configuration. `wrangler dev` does the same and watches for changes, at
 * the price of a second proxy in front of each request; this is what the worker itself costs.
 */

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json",
  ".js": "text/javascript; charset=utf-8",
  ".png": "image/png",
};

/** A folder as the static files of a worker. */
function filesOf(folder: string): (request: { readonly url: string }) => Promise<Response> {
  return async ({ url }) => {
    const file = path.join(folder, path.posix.normalize(decodeURIComponent(new URL(url).pathname)));
    for (const shown of [file, `${file}.html`, path.join(file, "index.html")]) {
      const content = await readFile(shown).catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT" || error.code === "EISDIR") return undefined;
        throw error;
      });
      if (!content) continue;
      return new Response(new Uint8Array(content), {
        headers: { "content-type": CONTENT_TYPES[path.extname(shown)] ?? "application/octet-stream" },
      });
    }
    return new Response("Not found", { status: 404 });
  };
}

interface WorkerOptions {
  readonly modulesRules?: unknown;
  readonly bindings?: Readonly<Record<string, unknown>>;
  readonly assets?: { readonly directory: string; readonly binding?: string };
  readonly serviceBindings?: Readonly<Record<string, unknown>>;
}

async function serve(): Promise<void> {
  const { values } = parseArgs({
    options: {
      config: { type: "string", default: "wrangler.toml" },
      port: { type: "string", default: "8787" },
      state: { type: "string" },
      variables: { type: "string" },
      /** What every outgoing request is answered with, over HTTP on loopback and whatever its URL says; for measurements. */
      answer: { type: "string" },
    },
  });
  const variables = values.variables === undefined ? {} : parseEnv(await readFile(values.variables, "utf8"));
  Object.assign(process.env, variables); // where wrangler looks for the required secrets
  const { workerOptions, main } = unstable_getMiniflareWorkerOptions(path.resolve(values.config));
  if (main === undefined) throw new Error(`${values.config} names no main module.`);
  // The type of a worker's options is open-ended; these members are those of wrangler.toml.
  const { modulesRules: _ofWrangler, bindings, assets, ...options } = workerOptions as WorkerOptions;
  const all = {
    ...options,
    name: "patchbay",
    modules: await bundleWorker(main),
    bindings: Object.assign({}, bindings, variables),
    host: "127.0.0.1",
    port: Number(values.port),
    cf: false,
    // Asked by the worker where it wants a file, as in production; the local runtime would put a router before the worker.
    serviceBindings: {
      ...options.serviceBindings,
      ...(assets?.binding ? { [assets.binding]: filesOf(assets.directory) } : {}),
    },
    ...(values.answer === undefined ? {} : { outboundService: () => new Response(values.answer) }),
    ...(values.state === undefined ? {} : { resourcePersistencePath: path.join(values.state, "v3") }),
  };
  const worker = new Miniflare(convertV4MiniflareOptions(all as V4MiniflareOptions)); // wrangler's options differ only in exact optionality
  const stop = (): void => void worker.dispose().then(() => process.exit());
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, stop);
  process.once("disconnect", stop); // whoever started this is gone, however it ended
  await worker.ready;
}

await serve();
