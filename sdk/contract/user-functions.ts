import type { Capability } from "./capabilities.ts";
import type { ErrorCode } from "./errors.ts";

/**
 * The functions a plugin imports from `extism:host/user`: the capabilities, in any language that can import a function.
 *
 * Each capability function takes two handles of the Extism kernel and returns one: `(request, body) -> answer`. The request is a
 * JSON object, or 0 for `{}`; the body is bytes, 0 for none. The answer is a JSON object with either `value` or
 * `error: { code, message }`, whose codes are those of the error table; 0 where it does not fit into kernel memory. Bytes that come
 * with an answer are fetched with `call_body`. The host frees the handles it is given; the guest owns those it gets.
 */
export const USER_FUNCTION_TYPE = "(i64, i64) -> i64";

export interface UserFunctionSpec {
  readonly capability: Capability;
}

/** Answered by the worker: the guest waits for the answer. */
export const USER_FUNCTIONS = {
  http_send: { capability: "http" },
  storage_get: { capability: "storage" },
  storage_set: { capability: "storage" },
  storage_delete: { capability: "storage" },
  storage_list: { capability: "storage" },
  database_query: { capability: "database" },
  database_transaction: { capability: "database" },
  files_put: { capability: "files" },
  files_begin: { capability: "files" },
  files_append: { capability: "files" },
  files_finish: { capability: "files" },
  files_abort: { capability: "files" },
  files_get: { capability: "files" },
  files_head: { capability: "files" },
  files_list: { capability: "files" },
  files_delete: { capability: "files" },
  cache_get: { capability: "cache" },
  cache_set: { capability: "cache" },
  cache_delete: { capability: "cache" },
  services_call: { capability: "services" },
  events_publish: { capability: "events" },
  crypto_digest: { capability: "crypto" },
  crypto_hmac: { capability: "crypto" },
  crypto_random: { capability: "crypto" },
  crypto_key_create: { capability: "crypto" },
  crypto_key_get: { capability: "crypto" },
  crypto_key_list: { capability: "crypto" },
  crypto_key_delete: { capability: "crypto" },
  crypto_sign: { capability: "crypto" },
  crypto_verify: { capability: "crypto" },
  crypto_encrypt: { capability: "crypto" },
  crypto_decrypt: { capability: "crypto" },
  webhooks_send: { capability: "webhooks" },
  analytics_record: { capability: "analytics" },
  security_events: { capability: "security" },
  security_raise: { capability: "security" },
  oauth_token: { capability: "oauth" },
} as const satisfies Record<string, UserFunctionSpec>;

export type UserFunction = keyof typeof USER_FUNCTIONS;

/**
 * Input and output piece by piece, answered by the worker and without a capability. A call that cannot go on, for a limit or
 * because the caller is gone, is ended.
 */
export const STREAM_FUNCTIONS = {
  /** At most so many bytes of the input in a new block; 0 at its end. */
  stream_read: "(i64) -> i64",
  /** Gives a block away as the next piece of the output; waits until the caller is ready for more. */
  stream_write: "(i64) -> ()",
} as const;

export type StreamFunction = keyof typeof STREAM_FUNCTIONS;

/** Most bytes of one piece. */
export const STREAM_CHUNK_BYTES = 1024 * 1024;

/** @returns true for the name of a stream function */
export function isStreamFunction(name: string): name is StreamFunction {
  return Object.hasOwn(STREAM_FUNCTIONS, name);
}

/** Answered inside the isolate, without a capability. */
export const LOCAL_FUNCTIONS = {
  /** A new block with the bytes that came with the last answer, 0 for none. */
  call_body: "() -> i64",
  /** A new block with the call's context as JSON, `ExecutionContext`. */
  context: "() -> i64",
} as const;

/** @returns the row of a capability function, undefined for any other name */
export function userFunction(name: string): UserFunctionSpec | undefined {
  return Object.hasOwn(USER_FUNCTIONS, name) ? USER_FUNCTIONS[name as UserFunction] : undefined; // an own key of the table
}

/** One call of a capability or stream function, as it leaves the isolate. */
export interface HostRequest {
  readonly name: UserFunction | StreamFunction;
  /** JSON text in UTF-8, as the guest wrote it; empty for none. Of `stream_read` the number of bytes. */
  readonly request: Uint8Array;
  readonly body: Uint8Array | undefined;
}

export interface HostAnswer {
  /** JSON text in UTF-8: `{"value": …}` or `{"error": {"code", "message"}}`. */
  readonly answer: Uint8Array;
  readonly body: Uint8Array | undefined;
  /** Set where the call was refused or failed through no fault of the plugin: a plugin that gives up for it is not to blame. */
  readonly failure: HostFailure | undefined;
}

export interface HostFailure {
  readonly code: ErrorCode;
  readonly message: string;
}

/** What the isolate gets with a call, to reach the worker. Its authority is that of the call alone. */
export interface HostBridge {
  /** @throws where the worker itself fails; refusals are answers */
  call(request: HostRequest): Promise<HostAnswer>;
}
