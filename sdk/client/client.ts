import type { RequestOpts, SuccessResponse } from "@oazapfts/runtime";
import { PatchbayError, asProblem } from "./client-error.ts";
import * as operations from "./operations.generated.js";
import { assertOk, createRequest, type ClientOptions } from "./request.ts";
import { parseRetryAfter } from "./retry-rules.ts";

type Operations = Omit<typeof operations, "defaults" | "servers">;
type Operation = keyof Operations;
type AnswerOf<Name extends Operation> = Awaited<ReturnType<Operations[Name]>>;

/** What may be said of a single request. */
export type CallOptions = Pick<RequestOpts, "headers" | "signal">;

/** The operation's arguments, as its function has them, and options last. */
type Arguments<Name extends Operation> =
  Parameters<Operations[Name]> extends [RequestOpts?]
    ? [options?: CallOptions]
    : object extends Parameters<Operations[Name]>[0]
      ? [given?: Parameters<Operations[Name]>[0], options?: CallOptions]
      : [given: Parameters<Operations[Name]>[0], options?: CallOptions];

/** Each operation of the API, by its `operationId`: gives the answer's body, or throws PatchbayError or ConnectionError. */
export type Client = {
  readonly [Name in Operation]: (...given: Arguments<Name>) => Promise<SuccessResponse<AnswerOf<Name>>>;
} & {
  readonly url: string;
  /**
   * A request of one's own, for what is no JSON: streams, a plugin's endpoints. Proved, sent again and refused as the operations are.
   *
   * @param path  from the deployment's root
   */
  fetch(path: string, init?: RequestInit): Promise<Response>;
};

/** What a generated function is, seen without its types: arguments, if it has any, then options. */
type Untyped = (...given: unknown[]) => Promise<{ status: number; data?: unknown; headers: Headers }>;

/** Calls that run a plugin once however often they arrive, if they carry a key. */
const KEYED: ReadonlySet<string> = new Set(["executePlugin", "executePluginByPath"]);

/** A client of one deployment. Whoever shares it shares its token. */
export function createClient(options: ClientOptions): Client {
  const request = createRequest(options);
  const { now = Date.now, keyExecutions = true } = options;
  const url = options.url.replace(/\/$/, "");
  const call = async (name: string, operation: Untyped, given: unknown[]): Promise<unknown> => {
    // A generated function has one parameter only where it is that of the options.
    const place = operation.length === 1 ? 0 : 1;
    const { headers, signal } = (given[place] ?? {}) as CallOptions; // CallOptions by the types of Client
    const own = { baseUrl: url, fetch: request, ...(headers && { headers }), ...(signal && { signal }) };
    const key = keyExecutions && KEYED.has(name) ? { idempotencyKey: crypto.randomUUID() } : {};
    const answer = await operation(...(place === 0 ? [own] : [{ ...key, ...(given[0] as object | undefined) }, own]));
    if (answer.status < 400) return answer.data;
    const retryAfterMs = parseRetryAfter(answer.headers.get("retry-after"), now());
    throw new PatchbayError(answer.status, asProblem(answer.data), retryAfterMs);
  };
  const { defaults: _, servers: __, ...functions } = operations;
  const bound = Object.entries(functions).map(([name, operation]) => [
    name,
    (...given: unknown[]) => call(name, operation as Untyped, given),
  ]);
  return {
    ...(Object.fromEntries(bound) as Client), // one for each operation, as its type says
    url,
    fetch: async (path, init) => assertOk(await request(`${url}${path}`, init), now()),
  };
}
