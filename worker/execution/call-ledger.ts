import type { Capability } from "../../sdk/contract/capabilities.ts";
import { PlatformError, type ErrorCode } from "../../sdk/contract/errors.ts";
import type { CapabilityUse } from "../../sdk/contract/sandbox.ts";
import type { HostAnswer, HostRequest } from "../../sdk/contract/user-functions.ts";

import {
  addSums,
  keyOfSum,
  METRICS_BYTES,
  sumOf,
  type CallMetrics,
  type MetricPoint,
  type MetricSum,
} from "./capabilities/analytics/rules.ts";

/** One capability call and its answer, as a recording keeps them. */
export interface Exchange {
  readonly request: HostRequest;
  readonly answer: HostAnswer;
}

/** Bytes of all exchanges of a call that are kept for its recording. */
export const EXCHANGES_KEPT_BYTES = 2 * 1024 * 1024;
const MOST_SCOPES = 20;

interface Use {
  calls: number;
  refused: number;
  bytes: number;
  readonly scopes: Set<string>;
  readonly peaks: Map<string, number>;
  readonly refusals: Map<string, number>;
}

/** What a plugin's call asked of the platform: for its execution record, its recording, and to know whether it may be repeated. */
export class CallLedger {
  readonly #uses = new Map<Capability, Use>();
  #exchanges: Exchange[] | undefined = [];
  #keptBytes = 0;
  #streamed = false;
  readonly #sums = new Map<string, MetricSum>();
  #sumBytes = 0;
  #series = 0;

  /** True once a capability or stream was used: running the call again would do its effects twice. */
  get served(): boolean {
    return this.#uses.size > 0 || this.#streamed;
  }

  /** In order; undefined where they were too large to keep. */
  get exchanges(): readonly Exchange[] | undefined {
    return this.#exchanges;
  }

  get uses(): readonly CapabilityUse[] {
    return [...this.#uses].map(([capability, { scopes, peaks, refusals, ...use }]) => ({
      capability,
      ...use,
      scopes: [...scopes],
      ...(peaks.size > 0 ? { peaks: Object.fromEntries(peaks) } : {}),
      ...(refusals.size > 0 ? { refusals: Object.fromEntries(refusals) } : {}),
    }));
  }

  /** For the execution record. */
  get used(): { readonly capabilities: readonly CapabilityUse[]; readonly metrics: CallMetrics | undefined } {
    return { capabilities: this.uses, metrics: this.metrics };
  }

  /** What the plugin recorded of itself; undefined where it recorded nothing. */
  get metrics(): CallMetrics | undefined {
    return this.#sums.size === 0 ? undefined : { series: this.#series, sums: [...this.#sums.values()] };
  }

  /**
   * @param series  series that the install may have
   * @throws {PlatformError} HOST_REQUEST_INVALID past METRICS_BYTES; what was recorded before stays
   */
  measure(points: readonly MetricPoint[], series: number): void {
    this.#series = series;
    for (const sum of points.map(sumOf)) {
      const key = keyOfSum(sum);
      const known = this.#sums.get(key);
      if (!known) this.#sumBytes += JSON.stringify(sum).length;
      if (this.#sumBytes > METRICS_BYTES) {
        const detail = `points: all that one call records may have ${METRICS_BYTES} bytes when it is summed by series`;
        throw new PlatformError("HOST_REQUEST_INVALID", detail);
      }
      this.#sums.set(key, known ? addSums(known, sum) : sum);
    }
  }

  begin(capability: Capability): void {
    this.#use(capability).calls += 1;
  }

  note(capability: Capability, scope: string): void {
    const { scopes } = this.#use(capability);
    if (scopes.size < MOST_SCOPES) scopes.add(scope);
  }

  /** Remembers the most of a quota that was used, or found held. */
  peak(capability: Capability, quota: string, amount: number): void {
    const { peaks } = this.#use(capability);
    peaks.set(quota, Math.max(amount, peaks.get(quota) ?? 0));
  }

  /** @param refusal  error with which the call was refused */
  end(capability: Capability, exchange: Exchange, refusal: ErrorCode | undefined): void {
    const use = this.#use(capability);
    use.bytes += sizeOf(exchange);
    if (refusal !== undefined) {
      use.refused += 1;
      use.refusals.set(refusal, (use.refusals.get(refusal) ?? 0) + 1);
    }
    this.#keep(exchange);
  }

  beginStream(): void {
    this.#streamed = true;
  }

  endStream(exchange: Exchange): void {
    this.#keep(exchange);
  }

  #keep(exchange: Exchange): void {
    this.#keptBytes += sizeOf(exchange);
    if (this.#keptBytes > EXCHANGES_KEPT_BYTES) this.#exchanges = undefined;
    this.#exchanges?.push(exchange);
  }

  #use(capability: Capability): Use {
    const use: Use = this.#uses.get(capability) ?? {
      calls: 0,
      refused: 0,
      bytes: 0,
      scopes: new Set(),
      peaks: new Map(),
      refusals: new Map(),
    };
    this.#uses.set(capability, use);
    return use;
  }
}

function sizeOf({ request, answer }: Exchange): number {
  const parts = [request.request, request.body, answer.answer, answer.body];
  return parts.reduce((sum, part) => sum + (part?.byteLength ?? 0), 0);
}
