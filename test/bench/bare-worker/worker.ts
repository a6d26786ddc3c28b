import {
  SANDBOX_ENTRYPOINT,
  SANDBOX_MODULES,
  type SandboxCall,
  type SandboxOutcome,
} from "../../../sdk/contract/sandbox.ts";
import { DEFAULT_LIMITS } from "../../../sdk/contract/limits.ts";
import { SANDBOX_SOURCE } from "../../../worker/execution/sandbox-program.generated.ts";
import kernel from "../../../worker/execution/sandbox/kernel.generated.wasm";
import plugin from "../../../dist/bench/plugin.bin";
import { CONTEXT } from "../../support/guests/call-context.ts";

/**
 * The baseline: the same Dynamic Worker, the same plugin, and nothing around it. No token, no tenant, no validation, no
 * record.
 */

interface BareEnv {
  LOADER: WorkerLoader;
}

interface SandboxStub {
  call(call: SandboxCall): Promise<SandboxOutcome>;
}

function code(): WorkerLoaderWorkerCode {
  return {
    compatibilityDate: "2026-07-01",
    compatibilityFlags: ["no_nodejs_compat", "no_nodejs_compat_v2"],
    mainModule: SANDBOX_MODULES.main,
    modules: {
      [SANDBOX_MODULES.main]: SANDBOX_SOURCE,
      [SANDBOX_MODULES.kernel]: { wasm: kernel },
      [SANDBOX_MODULES.plugin]: { wasm: plugin },
    },
    globalOutbound: null,
  };
}

// The runtime finds a worker's handlers in its default export.
// oxlint-disable-next-line import/no-default-export
export default {
  async fetch(request: Request, env: BareEnv): Promise<Response> {
    const sandbox = env.LOADER.get("bare", code).getEntrypoint(SANDBOX_ENTRYPOINT) as unknown as SandboxStub; // the loader cannot know the class it loads
    const outcome = await sandbox.call({
      executionId: "bare",
      functionName: new URL(request.url).searchParams.get("function") ?? "echo",
      input: new Uint8Array(await request.arrayBuffer()),
      config: {},
      limits: DEFAULT_LIMITS,
      logLevel: 2,
      now: Date.now(),
      randomSeed: new Uint8Array(32),
      context: CONTEXT,
    });
    if (outcome.failure) return new Response(outcome.failure.detail, { status: 502 });
    return new Response(outcome.output as Uint8Array<ArrayBuffer> | undefined); // never shared memory
  },
} satisfies ExportedHandler<BareEnv>;
