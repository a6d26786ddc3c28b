/** The client of Patchbay's HTTP API: `createClient`, and what goes with it. */
export { createClient, type CallOptions, type Client } from "./client.ts";
export { ConnectionError, isPatchbayError, PatchbayError, type Problem } from "./client-error.ts";
export { watchEvents, type EventFilter, type PlatformEvent } from "./event-stream.ts";
export { readLines } from "./lines.ts";
export { paginate, type Page } from "./pages.ts";
export { DEFAULT_RETRY, type RetryPolicy } from "./retry-rules.ts";
export type { ClientOptions, Credential } from "./request.ts";
export type { ErrorCode } from "../contract/errors.ts";
