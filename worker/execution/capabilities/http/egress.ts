import * as v from "valibot";
import { PlatformError } from "../../../../sdk/contract/errors.ts";
import type { Clock } from "../../../lib/clock.ts";
import { errorText } from "../../../lib/error-text.ts";
import { logError } from "../../../lib/json-log.ts";
import type { Egress } from "../services.ts";
import { isIpv4, isIpv6 } from "./address-rules.ts";
import { requirePublicAddresses, type Destination } from "./grant.ts";

/** DNS over HTTPS in JSON (RFC 8484's media type is binary; the JSON form is the resolver's own). */
const RESOLVER = "https://cloudflare-dns.com/dns-query";
/** Record types: A and AAAA. */
const RECORD_TYPES = [1, 28] as const;
/** How long an answer is used, whatever its TTL says: shorter would ask again within one burst, longer would miss a change. */
const LOOKUP_MS = 30_000;
const CAPACITY = 1_000;

const DnsAnswer = v.object({
  Status: v.number(),
  Answer: v.optional(v.array(v.object({ type: v.number(), data: v.string() })), []),
});

/** Names found public lately. One per worker isolate, shared by all requests; plain data. */
export type PublicNames = Map<string, number>;

export interface EgressDeps {
  readonly fetch: typeof fetch;
  readonly clock: Clock;
  readonly names: PublicNames;
  /** `host:port` opened by the operator. */
  readonly privateHosts: ReadonlySet<string>;
}

/** The way out to the public internet: nothing else that sends for plugins calls `fetch`. */
export class PublicEgress implements Egress {
  readonly #deps: EgressDeps;

  constructor(deps: EgressDeps) {
    this.#deps = deps;
  }

  get privateHosts(): ReadonlySet<string> {
    return this.#deps.privateHosts;
  }

  async send(destination: Destination, init: RequestInit & { readonly signal: AbortSignal }): Promise<Response> {
    const { url, isPrivate } = destination;
    try {
      if (!isPrivate) await this.#requirePublicName(url.hostname.replace(/\.$/, ""), init.signal);
      return await this.#deps.fetch(url, { ...init, redirect: "manual" });
    } catch (cause) {
      throw upstreamError(cause, destination, init.signal);
    }
  }

  async #requirePublicName(host: string, signal: AbortSignal): Promise<void> {
    const { clock, names } = this.#deps;
    if (isIpv4(host) || isIpv6(host)) return;
    const now = clock.now();
    if ((names.get(host) ?? 0) > now) return;
    const addresses = await Promise.all(RECORD_TYPES.map((type) => this.#resolve(host, type, signal)));
    if (addresses.flat().length === 0) throw new Error("the name has no address");
    requirePublicAddresses(host, addresses.flat());
    if (names.size >= CAPACITY) names.clear();
    names.set(host, now + LOOKUP_MS);
  }

  async #resolve(host: string, type: number, signal: AbortSignal): Promise<readonly string[]> {
    const query = new URLSearchParams({ name: host, type: String(type) });
    const response = await this.#deps.fetch(`${RESOLVER}?${query.toString()}`, {
      headers: { accept: "application/dns-json" },
      signal,
    });
    if (!response.ok) throw new Error(`the resolver answered ${response.status}`);
    const { Answer: answers } = v.parse(DnsAnswer, await response.json());
    return answers.filter((answer) => answer.type === type).map((answer) => answer.data);
  }
}

/** The resolver's and the network's own words may name addresses of ours, so they go to the log only. */
export function upstreamError(cause: unknown, { scope }: Destination, signal: AbortSignal): PlatformError {
  if (cause instanceof PlatformError) return cause;
  if (signal.aborted) return new PlatformError("UPSTREAM_TIMED_OUT", `${scope} did not answer in time.`, { cause });
  logError("egress.failed", { error: errorText(cause) });
  return new PlatformError("UPSTREAM_UNREACHABLE", `${scope} could not be reached.`, { cause });
}

/** @param variable  PRIVATE_HOSTS: `host:port`, comma-separated */
export function parsePrivateHosts(variable: string): ReadonlySet<string> {
  return new Set(variable.split(",").flatMap((entry) => (entry.trim() === "" ? [] : [entry.trim()])));
}
