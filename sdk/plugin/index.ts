export { definePlugin, defineFunction, defineHook, defineSubscription } from "./define-plugin.ts";
export type * from "./definition.ts";
export type { Input } from "./input.ts";
export { ValidationError, type Schema, type ValueOf } from "./schema.ts";
export { CapabilityError } from "./capability-error.ts";
export type { Content } from "./capability-call.ts";
export { bytesToText, textToBytes } from "./text.ts";
export { configText, configValue, readConfig } from "./config.ts";
export { variables } from "./variables.ts";
export { executionContext } from "./context.ts";
export { streams } from "./streams.ts";
export { analytics, type MetricPoint } from "./capabilities/analytics.ts";
export { cache } from "./capabilities/cache.ts";
export {
  database,
  type SqlParameter,
  type SqlValue,
  type Statement,
  type StatementResult,
} from "./capabilities/database.ts";
export { events } from "./capabilities/events.ts";
export { files, type FilePiece, type StoredFile } from "./capabilities/files.ts";
export { http, type HttpRequest, type HttpResponse } from "./capabilities/http.ts";
export { keys, type Digest, type KeyHead, type KeyKind, type VerifyWith } from "./capabilities/keys.ts";
export { oauth, type AccessToken } from "./capabilities/oauth.ts";
export { security, type Finding } from "./capabilities/security.ts";
export { services } from "./capabilities/services.ts";
export {
  storage,
  type StoredEntry,
  type StoredValue,
  type WriteOptions,
  type Written,
} from "./capabilities/storage.ts";
export { webhooks, type OutgoingWebhook } from "./capabilities/webhooks.ts";
