import { env } from "cloudflare:workers";
import { idempotencyKeyOf } from "../../../durable-objects/idempotency/client.ts";
import type { IdempotencyKey } from "../../../durable-objects/idempotency/object.ts";
import { sha256Hex } from "../../../worker/lib/hex.ts";
import type { ApiAnswer, ApiRequest } from "../../support/workers/api.ts";
import { settledApi } from "../recording/recorded-calls.ts";

/** Calls with an idempotency key through the front door, and the object that keeps the key. */

export interface Execute extends ApiRequest {
  readonly token: string;
  readonly key: string;
  readonly path?: string;
  readonly bindings?: Partial<Env>;
}

/** Runs `wasi random` with the key unless told otherwise: no two runs of it answer the same. */
export function execute({
  key,
  path = "/api/plugins/wasi/execute",
  bindings,
  headers,
  ...request
}: Execute): Promise<ApiAnswer> {
  const body = request.raw === undefined ? { body: { function: "random", encoding: "base64" } } : {};
  return settledApi("POST", path, { ...body, ...request, headers: { ...headers, "idempotency-key": key } }, bindings);
}

export function executionOf({ headers }: ApiAnswer): string | null {
  return headers.get("x-execution-id");
}

export function isReplay({ headers }: ApiAnswer): boolean {
  return headers.get("idempotency-replayed") === "true";
}

export function newKey(): string {
  return crypto.randomUUID();
}

/** The object of a key of `wasi random`. */
export async function stubOf(key: string): Promise<DurableObjectStub<IdempotencyKey>> {
  const digest = await sha256Hex(JSON.stringify(["wasi", "random", key]));
  return idempotencyKeyOf(env.IDEMPOTENCY, "acme", digest);
}
