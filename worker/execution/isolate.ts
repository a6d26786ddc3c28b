import { PlatformError } from "../../sdk/contract/errors.ts";
import {
  SANDBOX_ENTRYPOINT,
  SANDBOX_MODULES,
  type SandboxCall,
  type SandboxOutcome,
} from "../../sdk/contract/sandbox.ts";
import { healthOf } from "../../durable-objects/plugin-health/client.ts";
import type { PluginHealth } from "../../durable-objects/plugin-health/object.ts";
import { errorText } from "../lib/error-text.ts";
import { logError } from "../lib/json-log.ts";
import type { IsolateBook } from "./isolate-book.ts";
import { readModule } from "./module-store.ts";
import { SANDBOX_DIGEST, SANDBOX_SOURCE } from "./sandbox-program.generated.ts";
import kernel from "./sandbox/kernel.generated.wasm";
import type { SnapshotInstall } from "./snapshot.ts";

/** Second fence behind fuel; the runtime enforces it in production only. Covers the largest fuel budget. */
const CPU_MS = 30_000;
const SUBREQUESTS = 0;

interface SandboxStub {
  call(call: SandboxCall): Promise<SandboxOutcome>;
}

export interface IsolateBindings {
  readonly loader: WorkerLoader;
  readonly bucket: R2Bucket;
  readonly health: DurableObjectNamespace<PluginHealth>;
  readonly book: IsolateBook;
}

/**
 * Everything that decides which code runs and how: module bytes, sandbox program, rewriter, runtime limits. No tenant, no
 * request, no deploy: each distinct id is billed by the day, and the first caller's code serves all later ones.
 */
export function isolateId(install: SnapshotInstall, generation: number, lane: number): string {
  return [install.rewrittenDigest, SANDBOX_DIGEST, install.rewriterVersion, CPU_MS, generation, lane].join(":");
}

/** Opens Dynamic Workers for plugins. Made per request; what lasts is in the book. */
export class Isolates {
  readonly #bindings: IsolateBindings;

  constructor(bindings: IsolateBindings) {
    this.#bindings = bindings;
  }

  /**
   * Runs one call in the plugin's isolate. An isolate that fails, rather than answers, is replaced once.
   *
   * @throws {PlatformError} ISOLATE_UNAVAILABLE where the replacement fails too; INTEGRITY_FAILED for damaged bytes
   */
  async call(install: SnapshotInstall, call: SandboxCall): Promise<SandboxOutcome> {
    const { book } = this.#bindings;
    const reservation = install.suspends ? call.limits.memory + call.limits.kernelMemory : 0;
    const lane = book.reserve(install.rewrittenDigest, reservation);
    try {
      const generation = book.generation(install.installId);
      return await this.#attempt(install, generation, lane, call).catch(async (error: unknown) => {
        if (error instanceof PlatformError) throw error;
        const replacement = await this.#replace(install, generation, error);
        return await this.#attempt(install, replacement, lane, call);
      });
    } catch (cause) {
      if (cause instanceof PlatformError) throw cause;
      throw new PlatformError("ISOLATE_UNAVAILABLE", "The plugin's isolate failed twice.", { cause });
    } finally {
      book.release(install.rewrittenDigest, lane, reservation);
    }
  }

  async #attempt(
    install: SnapshotInstall,
    generation: number,
    lane: number,
    call: SandboxCall,
  ): Promise<SandboxOutcome> {
    const { book, bucket, loader } = this.#bindings;
    const id = isolateId(install, generation, lane);
    // Bytes are read and checked before the loader sees the id: a load that fails stays failed under its id.
    const bytes = book.hasStarted(id) ? undefined : await readModule(bucket, install.rewrittenDigest);
    const worker = loader.get(id, async () => workerCode(bytes ?? (await readModule(bucket, install.rewrittenDigest))));
    const sandbox = worker.getEntrypoint(SANDBOX_ENTRYPOINT) as unknown as SandboxStub; // the loader cannot know the class it loads
    const outcome = await sandbox.call(call);
    book.markStarted(id);
    return outcome;
  }

  /** The generation is kept by the health object, so that every location moves on from the same failure once. */
  async #replace(install: SnapshotInstall, failed: number, error: unknown): Promise<number> {
    logError("isolate.replaced", { installId: install.installId, generation: failed, error: errorText(error) });
    const replacement = await healthOf(this.#bindings.health, install.installId).replaceGeneration(failed);
    this.#bindings.book.setGeneration(install.installId, replacement);
    return replacement;
  }
}

function workerCode(plugin: Uint8Array<ArrayBuffer>): WorkerLoaderWorkerCode {
  return {
    compatibilityDate: "2026-07-01",
    compatibilityFlags: ["no_nodejs_compat", "no_nodejs_compat_v2"],
    limits: { cpuMs: CPU_MS, subRequests: SUBREQUESTS },
    mainModule: SANDBOX_MODULES.main,
    modules: {
      [SANDBOX_MODULES.main]: SANDBOX_SOURCE,
      [SANDBOX_MODULES.kernel]: { wasm: kernel },
      [SANDBOX_MODULES.plugin]: { wasm: plugin },
    },
    env: {},
    globalOutbound: null,
  };
}
