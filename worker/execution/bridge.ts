import { RpcTarget } from "cloudflare:workers";
import * as v from "valibot";
import { CAPABILITIES, type Capability } from "../../sdk/contract/capabilities.ts";
import { ERRORS, PlatformError, type ErrorCode } from "../../sdk/contract/errors.ts";
import type { Grants } from "../../sdk/contract/grants.ts";
import type { ExecutionContext } from "../../sdk/contract/sandbox.ts";
import {
  isStreamFunction,
  STREAM_CHUNK_BYTES,
  userFunction,
  type HostAnswer,
  type HostBridge,
  type HostRequest,
  type StreamFunction,
  type UserFunction,
} from "../../sdk/contract/user-functions.ts";
import { errorText } from "../lib/error-text.ts";
import { logError } from "../lib/json-log.ts";
import type { CallLedger } from "./call-ledger.ts";
import type { CallStreams } from "./call-streams.ts";
import type { TenantReach } from "./capabilities/capability.ts";
import { HOST_CALLS } from "./capabilities/index.ts";
import { CallQuotas } from "./capabilities/quotas.ts";
import type { CapabilityServices } from "./capabilities/services.ts";

const USUAL_PIECE_BYTES = 64 * 1024;

/** Refusals that are counted as such, and reported as security events. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "GRANT_MISSING",
  "EGRESS_REFUSED",
  "CAPABILITY_QUOTA_EXCEEDED",
]);

export interface BridgedCall {
  readonly context: ExecutionContext;
  readonly grants: Grants;
  readonly services: CapabilityServices;
  readonly reach: TenantReach;
  readonly ledger: CallLedger;
  readonly streams: CallStreams;
}

/**
 * What the isolate of a plugin calls back for one call. It holds that call's authority and no other: it is passed as an argument,
 * never kept in the isolate's environment, and refuses everything once the call has ended.
 */
export class CallBridge extends RpcTarget implements HostBridge {
  readonly #call: BridgedCall;
  readonly #quotas: CallQuotas;
  readonly #ended = new AbortController();

  constructor(call: BridgedCall) {
    super();
    this.#call = call;
    this.#quotas = new CallQuotas(call.grants, (...peak) => call.ledger.peak(...peak));
  }

  /** Stops what is under way for the call; to be called by the worker when the call is over. */
  static end(bridge: CallBridge): void {
    bridge.#ended.abort();
  }

  async call(request: HostRequest): Promise<HostAnswer> {
    const { ledger } = this.#call;
    const { name } = request;
    if (this.#ended.signal.aborted) throw new TypeError("The call has ended.");
    if (isStreamFunction(name)) return this.#stream(name, request);
    const capability = userFunction(name)?.capability;
    if (capability === undefined) throw new TypeError("There is no such function.");
    ledger.begin(capability);
    const answer = await this.#serve(capability, name, request);
    const code = answer.failure?.code;
    ledger.end(capability, { request, answer }, code !== undefined && REFUSALS.has(code) ? code : undefined);
    return answer;
  }

  async #stream(name: StreamFunction, request: HostRequest): Promise<HostAnswer> {
    const { context, ledger, streams } = this.#call;
    ledger.beginStream();
    let answer: HostAnswer;
    try {
      if (name === "stream_write") await streams.write(request.body ?? new Uint8Array());
      const piece = name === "stream_read" ? await streams.read(pieceLength(request.request)) : undefined;
      answer = { answer: encode({ value: null }), body: piece, failure: undefined };
    } catch (error) {
      answer = failedAnswer(error, name, context);
    }
    ledger.endStream({ request, answer });
    return answer;
  }

  async #serve(capability: Capability, name: UserFunction, { request, body }: HostRequest): Promise<HostAnswer> {
    const { context, grants, services, reach, ledger } = this.#call;
    try {
      const grant = grants[capability];
      if (!grant) {
        const { title } = CAPABILITIES[capability];
        throw new PlatformError("GRANT_MISSING", `The plugin has no grant for ${capability}: ${title}.`);
      }
      const note = (scope: string): void => ledger.note(capability, scope);
      const measure: CallLedger["measure"] = (points, series) => ledger.measure(points, series);
      const host = {
        call: context,
        grant,
        quotas: this.#quotas,
        signal: this.#ended.signal,
        services,
        reach,
        note,
        measure,
      };
      const spec = HOST_CALLS[name];
      // The schema has made of the request what the function takes.
      const result = await spec.run(host, parseRequest(name, spec.request, request) as never, body);
      return { answer: encode({ value: result.value }), body: result.body, failure: undefined };
    } catch (error) {
      return failedAnswer(error, name, context);
    }
  }
}

/** 0 leaves the size to us. */
function pieceLength(request: Uint8Array): number {
  const wanted = Number(new TextDecoder().decode(request));
  return wanted > 0 ? Math.min(wanted, STREAM_CHUNK_BYTES) : USUAL_PIECE_BYTES;
}

function parseRequest(name: UserFunction, schema: v.GenericSchema, bytes: Uint8Array): unknown {
  const result = v.safeParse(schema, bytes.byteLength === 0 ? {} : parseJson(name, bytes));
  if (result.success) return result.output;
  const [issue] = result.issues;
  const where = issue.path?.map(({ key }) => String(key)).join(".");
  throw new PlatformError(
    "HOST_REQUEST_INVALID",
    `The request of ${name} is not valid: ${where ? `${where}: ` : ""}${issue.message}`,
  );
}

function parseJson(name: UserFunction, bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes));
  } catch (cause) {
    throw new PlatformError("HOST_REQUEST_INVALID", `The request of ${name} is not JSON.`, { cause });
  }
}

/** What the plugin is told. Faults of our own are logged and named no further. */
function failedAnswer(error: unknown, name: HostRequest["name"], { executionId }: ExecutionContext): HostAnswer {
  const known = error instanceof PlatformError;
  if (!known) logError("capability.failed", { function: name, executionId, error: errorText(error) });
  const code: ErrorCode = known ? error.code : "CAPABILITY_UNAVAILABLE";
  const message = known ? error.message : `The platform could not serve ${name}.`;
  return {
    answer: encode({ error: { code, message } }),
    body: undefined,
    failure: ERRORS[code].blame === "plugin" ? undefined : { code, message },
  };
}

function encode(answer: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(answer));
}
