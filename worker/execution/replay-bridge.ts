import { RpcTarget } from "cloudflare:workers";
import type { HostAnswer, HostBridge, HostRequest } from "../../sdk/contract/user-functions.ts";
import type { ReplayedCalls } from "./recording/replayed-calls.ts";

/** Recorded answers, for the isolate to call back. */
export class ReplayBridge extends RpcTarget implements HostBridge {
  readonly #calls: ReplayedCalls;

  constructor(calls: ReplayedCalls) {
    super();
    this.#calls = calls;
  }

  call(request: HostRequest): Promise<HostAnswer> {
    return this.#calls.call(request);
  }
}
