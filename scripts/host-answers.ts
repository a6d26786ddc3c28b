import type { ErrorCode } from "../sdk/contract/errors.ts";
import type { UserFunction } from "../sdk/contract/user-functions.ts";

interface HostAnswer {
  /** The answer's `value`, as TypeScript has types. */
  readonly value: string;
  /** What the request's body is, where it has one. */
  readonly body?: string;
  /** What the bytes are that come with the answer. */
  readonly answerBody?: string;
  /** Beyond those that every function may answer. */
  readonly errors?: readonly ErrorCode[];
  readonly typescript: string;
}

const FILE = "path, bytes, contentType, sha256, modifiedAt";
const KEY = "kind, createdAt, publicKey?";

/** What each function answers; what it is asked follows from the schema that checks it. */
export const HOST_ANSWERS: Readonly<Record<UserFunction, HostAnswer>> = {
  http_send: {
    value: "{ status, headers, url, redirects }",
    body: "the request's, of any type",
    answerBody: "the response's body",
    errors: ["EGRESS_REFUSED", "UPSTREAM_REFUSED", "UPSTREAM_UNREACHABLE"],
    typescript: "await http.send({ url, method, headers, body })",
  },
  storage_get: {
    value: "{ found: false } | { found: true, revision, expiresAt }",
    answerBody: "the value",
    typescript: "await storage.get(key)",
  },
  storage_set: {
    value: "{ stored, revision }",
    body: "the value",
    typescript: "await storage.set(key, value, { ttlMs, ifRevision })",
  },
  storage_delete: { value: "{ deleted, revision? }", typescript: "await storage.delete(key, ifRevision)" },
  storage_list: {
    value: "{ keys: { key, revision, bytes, expiresAt }[], more }",
    typescript: "await storage.list({ prefix, after, limit })",
  },
  database_query: {
    value: "{ columns, rows, rowsRead, rowsWritten, more }",
    errors: ["DATABASE_STATEMENT_FAILED"],
    typescript: "await database.query(sql, params)",
  },
  database_transaction: {
    value: "{ results: { columns, rows, rowsRead, rowsWritten, more }[] }",
    errors: ["DATABASE_STATEMENT_FAILED"],
    typescript: "await database.transaction(statements)",
  },
  files_put: {
    value: `{ stored: true, ${FILE} }`,
    body: "the content",
    typescript: "await files.put(path, content, contentType)",
  },
  files_begin: { value: "{ id }", typescript: "await files.write(path, pieces, contentType)" },
  files_append: {
    value: "{ id, bytes, pieces }",
    body: "a piece",
    typescript: "await files.write(path, pieces, contentType)",
  },
  files_finish: { value: `{ stored: true, ${FILE} }`, typescript: "await files.write(path, pieces, contentType)" },
  files_abort: { value: "{ aborted }", typescript: "await files.write(path, pieces, contentType)" },
  files_get: {
    value: `{ found: false } | { found: true, ${FILE}, offset, length, more }`,
    answerBody: "the piece",
    typescript: "await files.get(path, { offset, length })",
  },
  files_head: { value: `{ found: false } | { found: true, ${FILE} }`, typescript: "await files.head(path)" },
  files_list: { value: `{ files: { ${FILE} }[], more }`, typescript: "await files.list({ prefix, after, limit })" },
  files_delete: { value: "{ deleted }", typescript: "await files.delete(path)" },
  cache_get: {
    value: "{ found: false } | { found: true, expiresAt }",
    answerBody: "the value",
    typescript: "await cache.get(key)",
  },
  cache_set: { value: "{ stored: true }", body: "the value", typescript: "await cache.set(key, value, ttlMs)" },
  cache_delete: { value: "{ deleted }", typescript: "await cache.delete(key)" },
  services_call: {
    value: "{ pluginId, executionId, output }",
    answerBody: "the output",
    errors: ["SERVICE_UNAVAILABLE", "SERVICE_FAILED", "NESTING_EXCEEDED", "BUDGET_SPENT"],
    typescript: "await services.call(service, input)",
  },
  events_publish: {
    value: "{ id, subscribers }",
    body: "the data as JSON, where the request has no `data`",
    typescript: "await events.publish(topic, data)",
  },
  crypto_digest: {
    value: "{ hex }",
    body: "the content",
    answerBody: "the digest",
    typescript: "await keys.digest(algorithm, content)",
  },
  crypto_hmac: {
    value: "{ hex }",
    body: "the content",
    answerBody: "the HMAC",
    typescript: "await keys.hmac(secret, content, algorithm)",
  },
  crypto_random: { value: "{ bytes }", answerBody: "the random bytes", typescript: "await keys.random(bytes)" },
  crypto_key_create: { value: `{ created, ${KEY} }`, typescript: "await keys.create(name, kind)" },
  crypto_key_get: { value: `{ found: false } | { found: true, ${KEY} }`, typescript: "await keys.get(name)" },
  crypto_key_list: { value: `{ keys: { name, ${KEY} }[] }`, typescript: "await keys.list()" },
  crypto_key_delete: { value: "{ deleted }", typescript: "await keys.delete(name)" },
  crypto_sign: {
    value: "{ kind }",
    body: "the content",
    answerBody: "the signature",
    typescript: "await keys.sign(key, content)",
  },
  crypto_verify: {
    value: "{ valid }",
    body: "the content",
    typescript: "await keys.verify(content, signature, { key })",
  },
  crypto_encrypt: {
    value: "{}",
    body: "the content",
    answerBody: "nonce and sealed content",
    typescript: "await keys.encrypt(key, content, additionalData)",
  },
  crypto_decrypt: {
    value: "{}",
    body: "nonce and sealed content",
    answerBody: "the content",
    typescript: "await keys.decrypt(key, sealed, additionalData)",
  },
  webhooks_send: {
    value: "{ id, queued }",
    body: "the webhook's, text in UTF-8",
    typescript: "await webhooks.send({ url, event, id, contentType }, body)",
  },
  analytics_record: { value: "{ recorded }", typescript: "await analytics.record(points)" },
  security_events: { value: "{ events, more }", typescript: "await security.events({ log, before, limit })" },
  security_raise: { value: "{ id }", typescript: "await security.raise({ severity, title, detail })" },
  oauth_token: {
    value: "{ accessToken, tokenType, expiresAt, scopes }",
    errors: ["UPSTREAM_REFUSED", "UPSTREAM_UNREACHABLE"],
    typescript: "await oauth.token(provider, scopes)",
  },
};
