import { PlatformError } from "../../sdk/contract/errors.ts";
import { SANDBOX_ENTRYPOINT, type SandboxCall, type SandboxOutcome } from "../../sdk/contract/sandbox.ts";
import type { HostBridge } from "../../sdk/contract/user-functions.ts";
import { healthOf } from "../../durable-objects/plugin-health/client.ts";
import type { PluginHealth } from "../../durable-objects/plugin-health/object.ts";
import { errorText } from "../lib/error-text.ts";
import { logError } from "../lib/json-log.ts";
import type { Clock } from "../lib/clock.ts";
import { reservationOf } from "./admit.ts";
import type { IsolateBook } from "./isolate-book.ts";
import { codeModules, readCode, type PluginCode } from "./isolate-code.ts";
import { takePlace } from "./lane-queue.ts";
import { SANDBOX_DIGEST } from "./sandbox-program.generated.ts";
import { MOST_AT_WORK, Slots } from "./slots.ts";
import type { SnapshotInstall } from "./snapshot.ts";
import { askUntil, patienceOf } from "./waiting.ts";

/** Second fence behind fuel; the runtime enforces it in production only. Covers the largest fuel budget. */
const CPU_MS = 30_000;
const SUBREQUESTS = 0;

interface SandboxStub {
  call(call: SandboxCall, bridge?: HostBridge): Promise<SandboxOutcome>;
}

/** What a Dynamic Worker runs beside the plugin's module. */
export interface IsolateProgram {
  readonly entrypoint: string;
  readonly modules: WorkerLoaderWorkerCode["modules"];
}

export const METERED_PROGRAM: IsolateProgram = { entrypoint: SANDBOX_ENTRYPOINT, modules: {} };

/** How a call reaches its capabilities, and whether it has. */
export interface CallHost {
  readonly bridge: HostBridge;
  readonly ledger: { readonly served: boolean };
}

export interface IsolateBindings {
  readonly loader: WorkerLoader;
  readonly bucket: R2Bucket;
  readonly health: DurableObjectNamespace<PluginHealth>;
  readonly book: IsolateBook;
  readonly clock: Clock;
  readonly pause: (milliseconds: number) => Promise<void>;
}

/** A place outlives its call's deadline by this: a call that is stopped late still holds its memory. Milliseconds. */
const LATE_MS = 2_000;

/**
 * Everything that decides which code runs and how: module bytes, sandbox program, rewriter, runtime limits. No request, no
 * deploy, and no tenant unless instances are kept: each distinct id is billed by the day, and the first caller's code serves
 * all later ones.
 */
export function isolateId(install: SnapshotInstall, generation: number, lane: number): string {
  return [isolateIdentity(install), generation, lane].join(":");
}

/** The id without generation and lane. An install that keeps instances has isolates of its own. */
function isolateIdentity(install: SnapshotInstall): string {
  const code = install.parts ? [install.rewrittenDigest, install.parts.digest] : [install.rewrittenDigest];
  const owner = install.warm ? [install.installId] : [];
  return [...code, SANDBOX_DIGEST, install.rewriterVersion, CPU_MS, ...owner].join(":");
}

/**
 * Names the install as it is now, where an instance may be kept for its next call. A grant that is taken away takes along what
 * was read by it.
 */
function keepingFor({ installId, warm, grants }: SnapshotInstall, call: SandboxCall): SandboxCall {
  return warm ? { ...call, keepFor: `${installId}@${warm.revision} ${JSON.stringify(grants)}` } : call;
}

/** Opens Dynamic Workers for plugins, few at a time. Made per request; what lasts is in the book. */
export class Isolates {
  readonly #bindings: IsolateBindings;
  readonly #slots: Slots;
  readonly #program: IsolateProgram;

  constructor(bindings: IsolateBindings, program = METERED_PROGRAM, slots = new Slots()) {
    this.#bindings = bindings;
    this.#program = program;
    this.#slots = slots;
  }

  /** The same for another program; both open few at a time together. */
  running(program: IsolateProgram): Isolates {
    return new Isolates(this.#bindings, program, this.#slots);
  }

  /** True where a call that begins now need not wait for others of its request. */
  get hasRoom(): boolean {
    return this.#slots.hasRoom;
  }

  /**
   * Runs one call in the plugin's isolate. An isolate that fails, rather than answers, is replaced once; a call that has used
   * capabilities is not run again.
   *
   * @param parent  execution on whose behalf the call is made, where it is nested
   * @throws {PlatformError} ISOLATE_BUSY where there is no room for the call; NESTING_EXCEEDED; ISOLATE_UNAVAILABLE where the
   *   replacement fails too, or there is none; ISOLATE_REPLACED_TOO_OFTEN; MODULE_UNAVAILABLE; INTEGRITY_FAILED for damaged bytes
   */
  async call(install: SnapshotInstall, call: SandboxCall, host?: CallHost, parent?: string): Promise<SandboxOutcome> {
    const startedAt = this.#bindings.clock.now();
    try {
      await this.#takeSlot(call, parent);
      return await this.#callInPlace(install, this.#withTimeLeft(call, startedAt), host);
    } finally {
      this.#slots.leave(call.executionId);
    }
  }

  async #takeSlot({ executionId, limits }: SandboxCall, parent: string | undefined): Promise<void> {
    const answer = await askUntil(this.#bindings, patienceOf(limits.wallClock), () => {
      const slot = this.#slots.ask(executionId, parent);
      return slot === "wait" ? undefined : slot;
    });
    if (answer === "taken") return;
    if (answer === undefined) {
      throw new PlatformError(
        "ISOLATE_BUSY",
        `The request has ${MOST_AT_WORK} plugins at work already, and none ended in time.`,
      );
    }
    throw new PlatformError(
      "NESTING_EXCEEDED",
      `A request may have ${MOST_AT_WORK} plugins at work, and those at work all wait for one that they call.`,
    );
  }

  async #callInPlace(install: SnapshotInstall, call: SandboxCall, host: CallHost | undefined): Promise<SandboxOutcome> {
    const { book, clock } = this.#bindings;
    const { limits } = call;
    const bytes = reservationOf(install.suspends, limits, call.input.byteLength);
    if (bytes === 0) return await this.#callInLane(install, 0, call, host);

    const startedAt = clock.now();
    const request = { isolate: isolateIdentity(install), bytes, expiresAt: startedAt + limits.wallClock + LATE_MS };
    const place = await takePlace(book.lanes, request, limits, this.#bindings);
    try {
      return await this.#callInLane(install, place.lane, this.#withTimeLeft(call, startedAt), host);
    } finally {
      book.lanes.release(request.isolate, place);
    }
  }

  /** What a call waited is part of its deadline. */
  #withTimeLeft(call: SandboxCall, startedAt: number): SandboxCall {
    const waited = this.#bindings.clock.now() - startedAt;
    if (waited <= 0) return call;
    return { ...call, limits: { ...call.limits, wallClock: Math.max(0, call.limits.wallClock - waited) } };
  }

  /** One try, and where the isolate fails one more under the generation that replaces it. */
  async #callInLane(
    install: SnapshotInstall,
    lane: number,
    call: SandboxCall,
    host: CallHost | undefined,
  ): Promise<SandboxOutcome> {
    const generation = Math.max(this.#bindings.book.generation(install.installId), install.generation ?? 0);
    try {
      return await this.#attempt(install, generation, lane, call, host);
    } catch (error) {
      if (error instanceof PlatformError) throw error;
      if (isPlatformCap(error)) {
        throw new PlatformError("ISOLATE_BUSY", "The request has too many isolates at work at once.", { cause: error });
      }
      const replacement = await this.#replace(install, generation, error);
      if (host?.ledger.served) {
        const detail = "The plugin's isolate failed after it had used capabilities.";
        throw new PlatformError("ISOLATE_UNAVAILABLE", detail, { cause: error });
      }
      return await this.#attempt(install, replacement, lane, call, host).catch((cause: unknown) => {
        if (cause instanceof PlatformError) throw cause;
        throw new PlatformError("ISOLATE_UNAVAILABLE", "The plugin's isolate failed twice.", { cause });
      });
    }
  }

  async #attempt(
    install: SnapshotInstall,
    generation: number,
    lane: number,
    call: SandboxCall,
    host: CallHost | undefined,
  ): Promise<SandboxOutcome> {
    const { book, bucket, loader } = this.#bindings;
    const id = isolateId(install, generation, lane);
    // Bytes are read and checked before the loader sees the id: a load that fails stays failed under its id.
    const code = book.hasStarted(id) ? undefined : await readCode(bucket, install);
    const { entrypoint, modules } = this.#program;
    const worker = loader.get(id, async () => workerCode(code ?? (await readCode(bucket, install)), modules));
    const sandbox = worker.getEntrypoint(entrypoint) as unknown as SandboxStub; // the loader cannot know the class it loads
    const asked = keepingFor(install, call);
    const outcome = await (host ? sandbox.call(asked, host.bridge) : sandbox.call(asked));
    book.markStarted(id);
    return outcome;
  }

  /**
   * The generation that replaces one that failed. The health object keeps it, so that all who saw the same failure move on
   * together, and whoever knows an old generation only gets to the current one in one step.
   */
  async #replace(install: SnapshotInstall, failed: number, error: unknown): Promise<number> {
    const { installId } = install;
    const { book, health } = this.#bindings;
    logError("isolate.failed", { installId, generation: failed, error: errorText(error) });
    // Another call that was in flight has asked meanwhile.
    if (book.generation(installId) > failed) return book.generation(installId);
    const replacement = await healthOf(health, installId)
      .replaceGeneration(failed)
      .catch((cause: unknown) => {
        throw new PlatformError("ISOLATE_UNAVAILABLE", "The plugin's isolate failed and could not be replaced.", {
          cause,
        });
      });
    if ("refusedUntil" in replacement) {
      throw new PlatformError(
        "ISOLATE_REPLACED_TOO_OFTEN",
        `The plugin's isolate failed and has been replaced too often; the next replacement is possible at ${new Date(replacement.refusedUntil).toISOString()}.`,
        { cause: error },
      );
    }
    book.setGeneration(installId, replacement.generation);
    return replacement.generation;
  }
}

/** The runtime's refusal of one more Dynamic Worker for this request: nothing is wrong with the isolate. */
function isPlatformCap(error: unknown): boolean {
  return error instanceof Error && /dynamic worker concurrency limit/i.test(error.message);
}

function workerCode(code: PluginCode, more: WorkerLoaderWorkerCode["modules"]): WorkerLoaderWorkerCode {
  const { mainModule, modules } = codeModules(code);
  return {
    compatibilityDate: "2026-07-01",
    compatibilityFlags: ["no_nodejs_compat", "no_nodejs_compat_v2"],
    limits: { cpuMs: CPU_MS, subRequests: SUBREQUESTS },
    mainModule,
    modules: { ...modules, ...more },
    env: {},
    globalOutbound: null,
  };
}
