import path from "node:path";
import { build as bundle, type Plugin } from "esbuild";
import { SANDBOX_ENTRYPOINT, SANDBOX_MODULES } from "../../sdk/contract/sandbox.ts";
import { SANDBOX_SOURCE } from "../../worker/execution/sandbox-program.generated.ts";
import { meteredBytes } from "../support/guests/sandbox-call.ts";
import type { ConformanceWorker, Isolate } from "./conformance-worker.ts";

/** The two hosts, each as the program of an isolate with one plugin. */
export interface Hosts {
  /** Ours: the built sandbox program, the kernel, and the module as an install rewrites it. */
  ours(id: string, module: Uint8Array): Promise<Isolate>;
  /** The reference: @extism/extism, with the module as it is. */
  reference(id: string, module: Uint8Array): Promise<Isolate>;
}

export async function openHosts(root: string, worker: ConformanceWorker, kernel: Uint8Array): Promise<Hosts> {
  const reference = await bundleProgram(root, "test/conformance/worker/reference-host.ts");
  const { main, kernel: kernelName, plugin } = SANDBOX_MODULES;
  return {
    ours: (id, module) =>
      worker.load(`ours-${id}`, SANDBOX_ENTRYPOINT, {
        [main]: SANDBOX_SOURCE,
        [kernelName]: kernel,
        [plugin]: meteredBytes(module),
      }),
    reference: (id, module) =>
      worker.load(`reference-${id}`, "ReferenceHost", { [main]: reference, [plugin]: module }, true),
  };
}

/** A program for an isolate as one text. It imports the isolate's modules as `isolate/<name>`. */
export async function bundleProgram(root: string, entry: string): Promise<string> {
  const result = await bundle({
    absWorkingDir: root,
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2024",
    conditions: ["workerd", "worker", "browser"],
    external: ["cloudflare:workers", "node:*"],
    plugins: [isolateModules],
  });
  const [output] = result.outputFiles;
  if (output === undefined) throw new Error(`${entry} does not become one file.`);
  return output.text;
}

/** `isolate/<name>` is the module of that name inside the isolate. */
const isolateModules: Plugin = {
  name: "isolate-modules",
  setup(build) {
    build.onResolve({ filter: /^isolate\// }, ({ path: specifier }) => ({
      path: `./${path.posix.basename(specifier)}`,
      external: true,
    }));
  },
};
