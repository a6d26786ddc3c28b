/**
 * The platform's own functions, in `extism:host/user`, with their exact types; the other files wrap them. All parameters and results are
 * handles of blocks, but for the number of bytes that `streamRead` takes. `scripts/build-bindings.ts` writes what is between the lines.
 */

// <declarations>
@external("extism:host/user", "call_body")
export declare function callBody(): u64;
@external("extism:host/user", "context")
export declare function context(): u64;
@external("extism:host/user", "stream_read")
export declare function streamRead(value: u64): u64;
@external("extism:host/user", "stream_write")
export declare function streamWrite(value: u64): void;
/** Capability http: send an HTTP request. */
@external("extism:host/user", "http_send")
export declare function httpSend(request: u64, body: u64): u64;
/** Capability storage: read a value. */
@external("extism:host/user", "storage_get")
export declare function storageGet(request: u64, body: u64): u64;
/** Capability storage: write a value, where wanted only over a certain revision. */
@external("extism:host/user", "storage_set")
export declare function storageSet(request: u64, body: u64): u64;
/** Capability storage: delete a value. */
@external("extism:host/user", "storage_delete")
export declare function storageDelete(request: u64, body: u64): u64;
/** Capability storage: list keys by prefix. */
@external("extism:host/user", "storage_list")
export declare function storageList(request: u64, body: u64): u64;
/** Capability database: run one SQL statement. */
@external("extism:host/user", "database_query")
export declare function databaseQuery(request: u64, body: u64): u64;
/** Capability database: run SQL statements, all or none. */
@external("extism:host/user", "database_transaction")
export declare function databaseTransaction(request: u64, body: u64): u64;
/** Capability files: write a file. */
@external("extism:host/user", "files_put")
export declare function filesPut(request: u64, body: u64): u64;
/** Capability files: begin a file that is written in pieces. */
@external("extism:host/user", "files_begin")
export declare function filesBegin(request: u64, body: u64): u64;
/** Capability files: add a piece to a file that was begun. */
@external("extism:host/user", "files_append")
export declare function filesAppend(request: u64, body: u64): u64;
/** Capability files: put a file that was written in pieces in its place. */
@external("extism:host/user", "files_finish")
export declare function filesFinish(request: u64, body: u64): u64;
/** Capability files: give up a file that was begun. */
@external("extism:host/user", "files_abort")
export declare function filesAbort(request: u64, body: u64): u64;
/** Capability files: read a file, or a piece of it. */
@external("extism:host/user", "files_get")
export declare function filesGet(request: u64, body: u64): u64;
/** Capability files: what a file is. */
@external("extism:host/user", "files_head")
export declare function filesHead(request: u64, body: u64): u64;
/** Capability files: list files by prefix. */
@external("extism:host/user", "files_list")
export declare function filesList(request: u64, body: u64): u64;
/** Capability files: delete a file. */
@external("extism:host/user", "files_delete")
export declare function filesDelete(request: u64, body: u64): u64;
/** Capability cache: read a value that may be gone. */
@external("extism:host/user", "cache_get")
export declare function cacheGet(request: u64, body: u64): u64;
/** Capability cache: keep a value for a while. */
@external("extism:host/user", "cache_set")
export declare function cacheSet(request: u64, body: u64): u64;
/** Capability cache: drop a value. */
@external("extism:host/user", "cache_delete")
export declare function cacheDelete(request: u64, body: u64): u64;
/** Capability services: call a service of another plugin. */
@external("extism:host/user", "services_call")
export declare function servicesCall(request: u64, body: u64): u64;
/** Capability events: publish a message to a topic. */
@external("extism:host/user", "events_publish")
export declare function eventsPublish(request: u64, body: u64): u64;
/** Capability crypto: hash bytes. */
@external("extism:host/user", "crypto_digest")
export declare function cryptoDigest(request: u64, body: u64): u64;
/** Capability crypto: HMAC of bytes under a secret of the plugin's own. */
@external("extism:host/user", "crypto_hmac")
export declare function cryptoHmac(request: u64, body: u64): u64;
/** Capability crypto: draw random bytes. */
@external("extism:host/user", "crypto_random")
export declare function cryptoRandom(request: u64, body: u64): u64;
/** Capability crypto: make a key that the platform keeps. */
@external("extism:host/user", "crypto_key_create")
export declare function cryptoKeyCreate(request: u64, body: u64): u64;
/** Capability crypto: kind, age and public half of a key. */
@external("extism:host/user", "crypto_key_get")
export declare function cryptoKeyGet(request: u64, body: u64): u64;
/** Capability crypto: list keys. */
@external("extism:host/user", "crypto_key_list")
export declare function cryptoKeyList(request: u64, body: u64): u64;
/** Capability crypto: delete a key. */
@external("extism:host/user", "crypto_key_delete")
export declare function cryptoKeyDelete(request: u64, body: u64): u64;
/** Capability crypto: sign bytes with a key. */
@external("extism:host/user", "crypto_sign")
export declare function cryptoSign(request: u64, body: u64): u64;
/** Capability crypto: verify a signature. */
@external("extism:host/user", "crypto_verify")
export declare function cryptoVerify(request: u64, body: u64): u64;
/** Capability crypto: encrypt bytes with a key. */
@external("extism:host/user", "crypto_encrypt")
export declare function cryptoEncrypt(request: u64, body: u64): u64;
/** Capability crypto: decrypt bytes with a key. */
@external("extism:host/user", "crypto_decrypt")
export declare function cryptoDecrypt(request: u64, body: u64): u64;
/** Capability webhooks: send a signed webhook, with retries. */
@external("extism:host/user", "webhooks_send")
export declare function webhooksSend(request: u64, body: u64): u64;
/** Capability analytics: record metrics. */
@external("extism:host/user", "analytics_record")
export declare function analyticsRecord(request: u64, body: u64): u64;
/** Capability security: read what was written down about the plugin. */
@external("extism:host/user", "security_events")
export declare function securityEvents(request: u64, body: u64): u64;
/** Capability security: raise a finding. */
@external("extism:host/user", "security_raise")
export declare function securityRaise(request: u64, body: u64): u64;
/** Capability oauth: get an access token of a registered OAuth client. */
@external("extism:host/user", "oauth_token")
export declare function oauthToken(request: u64, body: u64): u64;
// </declarations>
