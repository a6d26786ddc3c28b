import type { SandboxFailure } from "../../../sdk/contract/sandbox.ts";
import type {
  HostAnswer,
  HostBridge,
  HostFailure,
  HostRequest,
  UserFunction,
} from "../../../sdk/contract/user-functions.ts";
import { HOST_COSTS } from "./costs.ts";
import type { GuestControl } from "./guest-control.ts";
import type { Kernel } from "./kernel.ts";

export interface CapabilityContext {
  readonly kernel: Kernel;
  readonly control: GuestControl;
  /** Undefined where the call was made without one. */
  readonly bridge: HostBridge | undefined;
  readonly sleep: (milliseconds: number, signal?: AbortSignal) => Promise<void>;
}

/** The capability calls of one call: paid for, counted, sent over the bridge, and waited for until the deadline. */
export class CapabilityCalls {
  readonly #context: CapabilityContext;
  #lastBody: Uint8Array | undefined;
  #lastFailure: HostFailure | undefined;

  constructor(context: CapabilityContext) {
    this.#context = context;
  }

  /** Why the last call was not served, where that was no fault of the plugin. */
  get lastFailure(): HostFailure | undefined {
    return this.#lastFailure;
  }

  /** Bytes that came with the last answer. */
  get lastBody(): Uint8Array | undefined {
    return this.#lastBody;
  }

  /**
   * Makes a call with handles of the guest, which are freed.
   *
   * @returns a handle of the answer
   */
  async run(name: UserFunction, request: bigint, body: bigint): Promise<bigint> {
    const { kernel } = this.#context;
    const { answer } = await this.ask(name, this.take(request), body === 0n ? undefined : this.take(body));
    return kernel.put(answer);
  }

  /** Copies out a block that the guest gave away, and frees it. */
  take(handle: bigint): Uint8Array {
    const { kernel, control } = this.#context;
    control.charge(kernel.length(handle) * HOST_COSTS.copiedByte);
    const bytes = kernel.read(handle);
    kernel.free(handle);
    return bytes;
  }

  ask(name: UserFunction, request: Uint8Array, body: Uint8Array | undefined): Promise<HostAnswer> {
    this.#context.control.enterCapability();
    return this.send(name, request, body);
  }

  /** As {@link ask}, for what is no capability and so is not counted. */
  async send(name: HostRequest["name"], request: Uint8Array, body: Uint8Array | undefined): Promise<HostAnswer> {
    const { bridge, control } = this.#context;
    control.charge(HOST_COSTS.capability);
    if (bridge === undefined) return control.stop(unreachable(name));
    const answer = await this.#beforeDeadline(bridge.call({ name, request, body }), name);
    control.charge((answer.answer.byteLength + (answer.body?.byteLength ?? 0)) * HOST_COSTS.copiedByte);
    this.#lastBody = answer.body;
    this.#lastFailure = answer.failure;
    return answer;
  }

  async #beforeDeadline(answer: Promise<HostAnswer>, name: HostRequest["name"]): Promise<HostAnswer> {
    const { control, sleep } = this.#context;
    const answered = new AbortController();
    const late = sleep(Math.max(0, control.remainingMs()), answered.signal).then(() => undefined);
    try {
      const first = await Promise.race([answer.catch(() => "failed" as const), late]);
      if (first === "failed") return control.stop(unreachable(name));
      return first ?? control.stopAtDeadline(1);
    } finally {
      answered.abort();
    }
  }
}

function unreachable(name: HostRequest["name"]): SandboxFailure {
  return { code: "CAPABILITY_UNAVAILABLE", detail: `The platform could not answer the plugin's call of ${name}.` };
}
