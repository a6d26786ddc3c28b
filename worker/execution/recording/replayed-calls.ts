import type { HostAnswer, HostBridge, HostRequest } from "../../../sdk/contract/user-functions.ts";
import type { Exchange } from "../call-ledger.ts";

/** Answers a replayed call's capability calls from its recording, in order, and notices the first that asks for something else. */
export class ReplayedCalls implements HostBridge {
  readonly #exchanges: readonly Exchange[];
  #next = 0;
  #difference: { readonly recorded: string | null; readonly replayed: string | null } | undefined;

  constructor(exchanges: readonly Exchange[]) {
    this.#exchanges = exchanges;
  }

  /** Undefined where every call was the recorded one and none is left over. */
  get difference(): { readonly recorded: string | null; readonly replayed: string | null } | undefined {
    const left = this.#exchanges[this.#next];
    return this.#difference ?? (left && { recorded: nameCall(this.#next, left.request), replayed: null });
  }

  /** @throws where the recording holds another call at this place: from there on nothing could be compared */
  call(request: HostRequest): Promise<HostAnswer> {
    const place = this.#next;
    const recorded = this.#exchanges[place];
    if (this.#difference === undefined && recorded !== undefined && isSame(recorded.request, request)) {
      this.#next += 1;
      return Promise.resolve(recorded.answer);
    }
    this.#difference ??= {
      recorded: recorded ? nameCall(place, recorded.request) : null,
      replayed: nameCall(place, request),
    };
    return Promise.reject(new Error("The recording has no answer for this call."));
  }
}

function isSame(one: HostRequest, other: HostRequest): boolean {
  return one.name === other.name && equal(one.request, other.request) && equal(one.body, other.body);
}

function equal(one: Uint8Array | undefined, other: Uint8Array | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return one.byteLength === other.byteLength && one.every((byte, at) => byte === other[at]);
}

/** Names the function and sizes, never content. */
function nameCall(place: number, { name, request, body }: HostRequest): string {
  const bytes = body === undefined ? "no body" : `body of ${body.byteLength} bytes`;
  return `call ${place + 1}: ${name}, request of ${request.byteLength} bytes, ${bytes}`;
}
