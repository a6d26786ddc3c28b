/*
 * Patchbay for plugins in C: one file, no library. Needs clang for wasm32 (14 or later), with or without wasi-libc.
 *
 *     #include "patchbay.h"
 *
 *     PATCHBAY_FUNCTION(greet) {
 *       patchbay_bytes name = patchbay_get_text(patchbay_input(), "name");
 *       patchbay_json answer = patchbay_object();
 *       patchbay_put_text(&answer, "text", patchbay_join(patchbay_text("Hello, "), name));
 *       return patchbay_output_json(&answer);
 *     }
 *
 * Memory: everything that a function of this file gives is valid until the plugin's function ends, and is not freed. Handles of the
 * host's blocks never leave this file. Text is UTF-8, with its length; behind it there is always a 0 that is not counted.
 */
#ifndef PATCHBAY_H
#define PATCHBAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PATCHBAY_API __attribute__((unused)) static
#define PATCHBAY_HOST_IMPORT(name) __attribute__((import_module("extism:host/env"), import_name(name))) extern
#define PATCHBAY_USER_IMPORT(name) __attribute__((import_module("extism:host/user"), import_name(name))) extern

/* A function that callers name. Its body returns 0 for success, as patchbay_output does, or what patchbay_fail returns. */
#define PATCHBAY_FUNCTION(name)                                                   \
  static int32_t patchbay_run_##name(void);                                       \
  __attribute__((export_name(#name))) int32_t patchbay_export_##name(void) {      \
    patchbay_release();                                                           \
    return patchbay_run_##name();                                                 \
  }                                                                               \
  static int32_t patchbay_run_##name(void)

/* Bytes or text. `data` is NULL for what is not there. */
typedef struct {
  const char *data;
  size_t length;
} patchbay_bytes;

/* JSON that is being written, such as the request of a capability. */
typedef struct {
  char *data;
  size_t length;
  size_t room;
} patchbay_json;

/* What a capability function came to. */
typedef struct {
  /* False where the platform refused or failed: then `code` and `message` say why, and `value` is nothing. */
  bool ok;
  /* JSON: see patchbay_get_text and the others. */
  patchbay_bytes value;
  /* One of the platform's error codes, such as GRANT_MISSING. */
  patchbay_bytes code;
  patchbay_bytes message;
} patchbay_answer;

/* No body, no value. */
__attribute__((unused)) static const patchbay_bytes patchbay_nothing = {NULL, 0};

/* Defined below: what the host offers uses them. */
PATCHBAY_API void patchbay_abort(const char *message);
PATCHBAY_API uint64_t patchbay_block(patchbay_bytes bytes);
PATCHBAY_API uint64_t patchbay_request_block(patchbay_json *request);
PATCHBAY_API patchbay_answer patchbay_answered(uint64_t handle);

/* Without a C library: clang writes calls of these where it copies and compares by itself. A plugin's own take their place. */
#if !__has_include(<string.h>)
#define PATCHBAY_LIBRARY __attribute__((weak, no_builtin, used))

PATCHBAY_LIBRARY void *memcpy(void *to, const void *from, size_t bytes) {
  for (size_t at = 0; at < bytes; at++) ((char *)to)[at] = ((const char *)from)[at];
  return to;
}

PATCHBAY_LIBRARY void *memmove(void *to, const void *from, size_t bytes) {
  if ((char *)to <= (const char *)from) return memcpy(to, from, bytes);
  while (bytes-- > 0) ((char *)to)[bytes] = ((const char *)from)[bytes];
  return to;
}

PATCHBAY_LIBRARY void *memset(void *to, int byte, size_t bytes) {
  for (size_t at = 0; at < bytes; at++) ((char *)to)[at] = (char)byte;
  return to;
}

PATCHBAY_LIBRARY int memcmp(const void *one, const void *other, size_t bytes) {
  for (size_t at = 0; at < bytes; at++) {
    int difference = ((const unsigned char *)one)[at] - ((const unsigned char *)other)[at];
    if (difference != 0) return difference;
  }
  return 0;
}
#endif

/* What the host offers: Extism's functions and the platform's, as they are imported. */

PATCHBAY_HOST_IMPORT("alloc") uint64_t patchbay_import_alloc(uint64_t);
PATCHBAY_HOST_IMPORT("free") void patchbay_import_free(uint64_t);
PATCHBAY_HOST_IMPORT("length") uint64_t patchbay_import_length(uint64_t);
PATCHBAY_HOST_IMPORT("length_unsafe") uint64_t patchbay_import_length_unsafe(uint64_t);
PATCHBAY_HOST_IMPORT("load_u8") uint32_t patchbay_import_load_u8(uint64_t);
PATCHBAY_HOST_IMPORT("load_u64") uint64_t patchbay_import_load_u64(uint64_t);
PATCHBAY_HOST_IMPORT("store_u8") void patchbay_import_store_u8(uint64_t, uint32_t);
PATCHBAY_HOST_IMPORT("store_u64") void patchbay_import_store_u64(uint64_t, uint64_t);
PATCHBAY_HOST_IMPORT("input_length") uint64_t patchbay_import_input_length(void);
PATCHBAY_HOST_IMPORT("input_offset") uint64_t patchbay_import_input_offset(void);
PATCHBAY_HOST_IMPORT("input_load_u8") uint32_t patchbay_import_input_load_u8(uint64_t);
PATCHBAY_HOST_IMPORT("input_load_u64") uint64_t patchbay_import_input_load_u64(uint64_t);
PATCHBAY_HOST_IMPORT("output_set") void patchbay_import_output_set(uint64_t, uint64_t);
PATCHBAY_HOST_IMPORT("error_set") void patchbay_import_error_set(uint64_t);
PATCHBAY_HOST_IMPORT("error_get") uint64_t patchbay_import_error_get(void);
PATCHBAY_HOST_IMPORT("config_get") uint64_t patchbay_import_config_get(uint64_t);
PATCHBAY_HOST_IMPORT("var_get") uint64_t patchbay_import_var_get(uint64_t);
PATCHBAY_HOST_IMPORT("var_set") void patchbay_import_var_set(uint64_t, uint64_t);
PATCHBAY_HOST_IMPORT("http_request") uint64_t patchbay_import_http_request(uint64_t, uint64_t);
PATCHBAY_HOST_IMPORT("http_status_code") uint32_t patchbay_import_http_status_code(void);
PATCHBAY_HOST_IMPORT("http_headers") uint64_t patchbay_import_http_headers(void);
PATCHBAY_HOST_IMPORT("log_trace") void patchbay_import_log_trace(uint64_t);
PATCHBAY_HOST_IMPORT("log_debug") void patchbay_import_log_debug(uint64_t);
PATCHBAY_HOST_IMPORT("log_info") void patchbay_import_log_info(uint64_t);
PATCHBAY_HOST_IMPORT("log_warn") void patchbay_import_log_warn(uint64_t);
PATCHBAY_HOST_IMPORT("log_error") void patchbay_import_log_error(uint64_t);
PATCHBAY_HOST_IMPORT("get_log_level") uint32_t patchbay_import_get_log_level(void);
PATCHBAY_USER_IMPORT("call_body") uint64_t patchbay_import_call_body(void);
PATCHBAY_USER_IMPORT("context") uint64_t patchbay_import_context(void);
PATCHBAY_USER_IMPORT("stream_read") uint64_t patchbay_import_stream_read(uint64_t);
PATCHBAY_USER_IMPORT("stream_write") void patchbay_import_stream_write(uint64_t);
PATCHBAY_USER_IMPORT("http_send") uint64_t patchbay_import_http_send(uint64_t, uint64_t);
PATCHBAY_USER_IMPORT("storage_get") uint64_t patchbay_import_storage_get(uint64_t, uint64_t);
PATCHBAY_USER_IMPORT("storage_set") uint64_t patchbay_import_storage_set(uint64_t, uint64_t);
PATCHBAY_USER_IMPORT("storage_delete") uint64_t patchbay_import_storage_delete(uint64_t, uint64_t);
PATCHBAY_USER_IMPORT("storage_list") uint64_t patchbay_import_storage_list(uint64_t, uint64_t);
PATCHBAY_USER_IMPORT("database_query") uint64_t patchbay_import_database_query(uint64_t, uint64_t);
PATCHBAY_USER_IMPORT("database_transaction") uint64_t patchbay_import_database_transaction(uint64_t, uint64_t);
PATCHBAY_USER_IMPORT("files_put") uint64_t patchbay_import_files_put(uint64_t, uint64_t);
PATCHBAY_USER_IMPORT("files_begin") uint64_t patchbay_import_files_begin(uint64_t, uint64_t);
PATCHBAY_USER_IMPORT("files_append") uint64_t patchbay_import_files_append(uint64_t, uint64_t);
PATCHBAY_USER_IMPORT("files_finish") uint64_t patchbay_import_files_finish(uint64_t, uint64_t);
PATCHBAY_USER_IMPORT("files_abort") uint64_t patchbay_import_files_abort(uint64_t, uint64_t);
PATCHBAY_USER_IMPORT("files_get") uint64_t patchbay_import_files_get(uint64_t, uint64_t);
PATCHBAY_USER_IMPORT("files_head") uint64_t patchbay_import_files_head(uint64_t, uint64_t);
PATCHBAY_USER_IMPORT("files_list") uint64_t patchbay_import_files_list(uint64_t, uint64_t);
PATCHBAY_USER_IMPORT("files_delete") uint64_t patchbay_import_files_delete(uint64_t, uint64_t);
PATCHBAY_USER_IMPORT("cache_get") uint64_t patchbay_import_cache_get(uint64_t, uint64_t);
PATCHBAY_USER_IMPORT("cache_set") uint64_t patchbay_import_cache_set(uint64_t, uint64_t);
PATCHBAY_USER_IMPORT("cache_delete") uint64_t patchbay_import_cache_delete(uint64_t, uint64_t);
PATCHBAY_USER_IMPORT("services_call") uint64_t patchbay_import_services_call(uint64_t, uint64_t);
PATCHBAY_USER_IMPORT("events_publish") uint64_t patchbay_import_events_publish(uint64_t, uint64_t);
PATCHBAY_USER_IMPORT("crypto_digest") uint64_t patchbay_import_crypto_digest(uint64_t, uint64_t);
PATCHBAY_USER_IMPORT("crypto_hmac") uint64_t patchbay_import_crypto_hmac(uint64_t, uint64_t);
PATCHBAY_USER_IMPORT("crypto_random") uint64_t patchbay_import_crypto_random(uint64_t, uint64_t);
PATCHBAY_USER_IMPORT("crypto_key_create") uint64_t patchbay_import_crypto_key_create(uint64_t, uint64_t);
PATCHBAY_USER_IMPORT("crypto_key_get") uint64_t patchbay_import_crypto_key_get(uint64_t, uint64_t);
PATCHBAY_USER_IMPORT("crypto_key_list") uint64_t patchbay_import_crypto_key_list(uint64_t, uint64_t);
PATCHBAY_USER_IMPORT("crypto_key_delete") uint64_t patchbay_import_crypto_key_delete(uint64_t, uint64_t);
PATCHBAY_USER_IMPORT("crypto_sign") uint64_t patchbay_import_crypto_sign(uint64_t, uint64_t);
PATCHBAY_USER_IMPORT("crypto_verify") uint64_t patchbay_import_crypto_verify(uint64_t, uint64_t);
PATCHBAY_USER_IMPORT("crypto_encrypt") uint64_t patchbay_import_crypto_encrypt(uint64_t, uint64_t);
PATCHBAY_USER_IMPORT("crypto_decrypt") uint64_t patchbay_import_crypto_decrypt(uint64_t, uint64_t);
PATCHBAY_USER_IMPORT("webhooks_send") uint64_t patchbay_import_webhooks_send(uint64_t, uint64_t);
PATCHBAY_USER_IMPORT("analytics_record") uint64_t patchbay_import_analytics_record(uint64_t, uint64_t);
PATCHBAY_USER_IMPORT("security_events") uint64_t patchbay_import_security_events(uint64_t, uint64_t);
PATCHBAY_USER_IMPORT("security_raise") uint64_t patchbay_import_security_raise(uint64_t, uint64_t);
PATCHBAY_USER_IMPORT("oauth_token") uint64_t patchbay_import_oauth_token(uint64_t, uint64_t);

/*
 * The capabilities. Each takes a request, NULL for none, and bytes that go with it. What is in requests and answers: the SDK's
 * documentation, docs/languages.md.
 */

/* Capability http: send an HTTP request. */
PATCHBAY_API patchbay_answer patchbay_http_send(patchbay_json *request, patchbay_bytes body) {
  uint64_t asked = patchbay_request_block(request);
  return patchbay_answered(patchbay_import_http_send(asked, patchbay_block(body)));
}

/* Capability storage: read a value. */
PATCHBAY_API patchbay_answer patchbay_storage_get(patchbay_json *request, patchbay_bytes body) {
  uint64_t asked = patchbay_request_block(request);
  return patchbay_answered(patchbay_import_storage_get(asked, patchbay_block(body)));
}

/* Capability storage: write a value, where wanted only over a certain revision. */
PATCHBAY_API patchbay_answer patchbay_storage_set(patchbay_json *request, patchbay_bytes body) {
  uint64_t asked = patchbay_request_block(request);
  return patchbay_answered(patchbay_import_storage_set(asked, patchbay_block(body)));
}

/* Capability storage: delete a value. */
PATCHBAY_API patchbay_answer patchbay_storage_delete(patchbay_json *request, patchbay_bytes body) {
  uint64_t asked = patchbay_request_block(request);
  return patchbay_answered(patchbay_import_storage_delete(asked, patchbay_block(body)));
}

/* Capability storage: list keys by prefix. */
PATCHBAY_API patchbay_answer patchbay_storage_list(patchbay_json *request, patchbay_bytes body) {
  uint64_t asked = patchbay_request_block(request);
  return patchbay_answered(patchbay_import_storage_list(asked, patchbay_block(body)));
}

/* Capability database: run one SQL statement. */
PATCHBAY_API patchbay_answer patchbay_database_query(patchbay_json *request, patchbay_bytes body) {
  uint64_t asked = patchbay_request_block(request);
  return patchbay_answered(patchbay_import_database_query(asked, patchbay_block(body)));
}

/* Capability database: run SQL statements, all or none. */
PATCHBAY_API patchbay_answer patchbay_database_transaction(patchbay_json *request, patchbay_bytes body) {
  uint64_t asked = patchbay_request_block(request);
  return patchbay_answered(patchbay_import_database_transaction(asked, patchbay_block(body)));
}

/* Capability files: write a file. */
PATCHBAY_API patchbay_answer patchbay_files_put(patchbay_json *request, patchbay_bytes body) {
  uint64_t asked = patchbay_request_block(request);
  return patchbay_answered(patchbay_import_files_put(asked, patchbay_block(body)));
}

/* Capability files: begin a file that is written in pieces. */
PATCHBAY_API patchbay_answer patchbay_files_begin(patchbay_json *request, patchbay_bytes body) {
  uint64_t asked = patchbay_request_block(request);
  return patchbay_answered(patchbay_import_files_begin(asked, patchbay_block(body)));
}

/* Capability files: add a piece to a file that was begun. */
PATCHBAY_API patchbay_answer patchbay_files_append(patchbay_json *request, patchbay_bytes body) {
  uint64_t asked = patchbay_request_block(request);
  return patchbay_answered(patchbay_import_files_append(asked, patchbay_block(body)));
}

/* Capability files: put a file that was written in pieces in its place. */
PATCHBAY_API patchbay_answer patchbay_files_finish(patchbay_json *request, patchbay_bytes body) {
  uint64_t asked = patchbay_request_block(request);
  return patchbay_answered(patchbay_import_files_finish(asked, patchbay_block(body)));
}

/* Capability files: give up a file that was begun. */
PATCHBAY_API patchbay_answer patchbay_files_abort(patchbay_json *request, patchbay_bytes body) {
  uint64_t asked = patchbay_request_block(request);
  return patchbay_answered(patchbay_import_files_abort(asked, patchbay_block(body)));
}

/* Capability files: read a file, or a piece of it. */
PATCHBAY_API patchbay_answer patchbay_files_get(patchbay_json *request, patchbay_bytes body) {
  uint64_t asked = patchbay_request_block(request);
  return patchbay_answered(patchbay_import_files_get(asked, patchbay_block(body)));
}

/* Capability files: what a file is. */
PATCHBAY_API patchbay_answer patchbay_files_head(patchbay_json *request, patchbay_bytes body) {
  uint64_t asked = patchbay_request_block(request);
  return patchbay_answered(patchbay_import_files_head(asked, patchbay_block(body)));
}

/* Capability files: list files by prefix. */
PATCHBAY_API patchbay_answer patchbay_files_list(patchbay_json *request, patchbay_bytes body) {
  uint64_t asked = patchbay_request_block(request);
  return patchbay_answered(patchbay_import_files_list(asked, patchbay_block(body)));
}

/* Capability files: delete a file. */
PATCHBAY_API patchbay_answer patchbay_files_delete(patchbay_json *request, patchbay_bytes body) {
  uint64_t asked = patchbay_request_block(request);
  return patchbay_answered(patchbay_import_files_delete(asked, patchbay_block(body)));
}

/* Capability cache: read a value that may be gone. */
PATCHBAY_API patchbay_answer patchbay_cache_get(patchbay_json *request, patchbay_bytes body) {
  uint64_t asked = patchbay_request_block(request);
  return patchbay_answered(patchbay_import_cache_get(asked, patchbay_block(body)));
}

/* Capability cache: keep a value for a while. */
PATCHBAY_API patchbay_answer patchbay_cache_set(patchbay_json *request, patchbay_bytes body) {
  uint64_t asked = patchbay_request_block(request);
  return patchbay_answered(patchbay_import_cache_set(asked, patchbay_block(body)));
}

/* Capability cache: drop a value. */
PATCHBAY_API patchbay_answer patchbay_cache_delete(patchbay_json *request, patchbay_bytes body) {
  uint64_t asked = patchbay_request_block(request);
  return patchbay_answered(patchbay_import_cache_delete(asked, patchbay_block(body)));
}

/* Capability services: call a service of another plugin. */
PATCHBAY_API patchbay_answer patchbay_services_call(patchbay_json *request, patchbay_bytes body) {
  uint64_t asked = patchbay_request_block(request);
  return patchbay_answered(patchbay_import_services_call(asked, patchbay_block(body)));
}

/* Capability events: publish a message to a topic. */
PATCHBAY_API patchbay_answer patchbay_events_publish(patchbay_json *request, patchbay_bytes body) {
  uint64_t asked = patchbay_request_block(request);
  return patchbay_answered(patchbay_import_events_publish(asked, patchbay_block(body)));
}

/* Capability crypto: hash bytes. */
PATCHBAY_API patchbay_answer patchbay_crypto_digest(patchbay_json *request, patchbay_bytes body) {
  uint64_t asked = patchbay_request_block(request);
  return patchbay_answered(patchbay_import_crypto_digest(asked, patchbay_block(body)));
}

/* Capability crypto: HMAC of bytes under a secret of the plugin's own. */
PATCHBAY_API patchbay_answer patchbay_crypto_hmac(patchbay_json *request, patchbay_bytes body) {
  uint64_t asked = patchbay_request_block(request);
  return patchbay_answered(patchbay_import_crypto_hmac(asked, patchbay_block(body)));
}

/* Capability crypto: draw random bytes. */
PATCHBAY_API patchbay_answer patchbay_crypto_random(patchbay_json *request, patchbay_bytes body) {
  uint64_t asked = patchbay_request_block(request);
  return patchbay_answered(patchbay_import_crypto_random(asked, patchbay_block(body)));
}

/* Capability crypto: make a key that the platform keeps. */
PATCHBAY_API patchbay_answer patchbay_crypto_key_create(patchbay_json *request, patchbay_bytes body) {
  uint64_t asked = patchbay_request_block(request);
  return patchbay_answered(patchbay_import_crypto_key_create(asked, patchbay_block(body)));
}

/* Capability crypto: kind, age and public half of a key. */
PATCHBAY_API patchbay_answer patchbay_crypto_key_get(patchbay_json *request, patchbay_bytes body) {
  uint64_t asked = patchbay_request_block(request);
  return patchbay_answered(patchbay_import_crypto_key_get(asked, patchbay_block(body)));
}

/* Capability crypto: list keys. */
PATCHBAY_API patchbay_answer patchbay_crypto_key_list(patchbay_json *request, patchbay_bytes body) {
  uint64_t asked = patchbay_request_block(request);
  return patchbay_answered(patchbay_import_crypto_key_list(asked, patchbay_block(body)));
}

/* Capability crypto: delete a key. */
PATCHBAY_API patchbay_answer patchbay_crypto_key_delete(patchbay_json *request, patchbay_bytes body) {
  uint64_t asked = patchbay_request_block(request);
  return patchbay_answered(patchbay_import_crypto_key_delete(asked, patchbay_block(body)));
}

/* Capability crypto: sign bytes with a key. */
PATCHBAY_API patchbay_answer patchbay_crypto_sign(patchbay_json *request, patchbay_bytes body) {
  uint64_t asked = patchbay_request_block(request);
  return patchbay_answered(patchbay_import_crypto_sign(asked, patchbay_block(body)));
}

/* Capability crypto: verify a signature. */
PATCHBAY_API patchbay_answer patchbay_crypto_verify(patchbay_json *request, patchbay_bytes body) {
  uint64_t asked = patchbay_request_block(request);
  return patchbay_answered(patchbay_import_crypto_verify(asked, patchbay_block(body)));
}

/* Capability crypto: encrypt bytes with a key. */
PATCHBAY_API patchbay_answer patchbay_crypto_encrypt(patchbay_json *request, patchbay_bytes body) {
  uint64_t asked = patchbay_request_block(request);
  return patchbay_answered(patchbay_import_crypto_encrypt(asked, patchbay_block(body)));
}

/* Capability crypto: decrypt bytes with a key. */
PATCHBAY_API patchbay_answer patchbay_crypto_decrypt(patchbay_json *request, patchbay_bytes body) {
  uint64_t asked = patchbay_request_block(request);
  return patchbay_answered(patchbay_import_crypto_decrypt(asked, patchbay_block(body)));
}

/* Capability webhooks: send a signed webhook, with retries. */
PATCHBAY_API patchbay_answer patchbay_webhooks_send(patchbay_json *request, patchbay_bytes body) {
  uint64_t asked = patchbay_request_block(request);
  return patchbay_answered(patchbay_import_webhooks_send(asked, patchbay_block(body)));
}

/* Capability analytics: record metrics. */
PATCHBAY_API patchbay_answer patchbay_analytics_record(patchbay_json *request, patchbay_bytes body) {
  uint64_t asked = patchbay_request_block(request);
  return patchbay_answered(patchbay_import_analytics_record(asked, patchbay_block(body)));
}

/* Capability security: read what was written down about the plugin. */
PATCHBAY_API patchbay_answer patchbay_security_events(patchbay_json *request, patchbay_bytes body) {
  uint64_t asked = patchbay_request_block(request);
  return patchbay_answered(patchbay_import_security_events(asked, patchbay_block(body)));
}

/* Capability security: raise a finding. */
PATCHBAY_API patchbay_answer patchbay_security_raise(patchbay_json *request, patchbay_bytes body) {
  uint64_t asked = patchbay_request_block(request);
  return patchbay_answered(patchbay_import_security_raise(asked, patchbay_block(body)));
}

/* Capability oauth: get an access token of a registered OAuth client. */
PATCHBAY_API patchbay_answer patchbay_oauth_token(patchbay_json *request, patchbay_bytes body) {
  uint64_t asked = patchbay_request_block(request);
  return patchbay_answered(patchbay_import_oauth_token(asked, patchbay_block(body)));
}

#define PATCHBAY_PAGE 65536u

typedef struct patchbay_chunk {
  struct patchbay_chunk *next;
  size_t room;
} patchbay_chunk;

/* Chunks stay between calls and are filled anew. One for all files of a plugin, which is why it is weak and not static. */
__attribute__((weak)) patchbay_chunk *patchbay_first_chunk;
__attribute__((weak)) patchbay_chunk *patchbay_current_chunk;
__attribute__((weak)) size_t patchbay_used;

/* Ends the validity of everything given so far; PATCHBAY_FUNCTION does it at the beginning of each call. */
PATCHBAY_API void patchbay_release(void) {
  patchbay_current_chunk = patchbay_first_chunk;
  patchbay_used = 0;
}

/* Memory until the end of the call, aligned to 8 bytes. Where the plugin may have no more, the call ends with that as its error. */
PATCHBAY_API void *patchbay_allocate(size_t bytes) {
  if (bytes > SIZE_MAX - 2 * PATCHBAY_PAGE) patchbay_abort("the plugin has no memory left");
  size_t needed = (bytes + 7u) & ~(size_t)7;
  while (patchbay_current_chunk != NULL && patchbay_current_chunk->room - patchbay_used < needed) {
    if (patchbay_current_chunk->next == NULL) break;
    patchbay_current_chunk = patchbay_current_chunk->next;
    patchbay_used = 0;
  }
  if (patchbay_current_chunk == NULL || patchbay_current_chunk->room - patchbay_used < needed) {
    size_t pages = (needed + sizeof(patchbay_chunk) + PATCHBAY_PAGE - 1) / PATCHBAY_PAGE;
    size_t page = __builtin_wasm_memory_grow(0, pages);
    if (page == SIZE_MAX) patchbay_abort("the plugin has no memory left");
    patchbay_chunk *chunk = (patchbay_chunk *)(page * PATCHBAY_PAGE);
    chunk->next = NULL;
    chunk->room = pages * PATCHBAY_PAGE - sizeof(patchbay_chunk);
    if (patchbay_current_chunk == NULL) patchbay_first_chunk = chunk;
    else patchbay_current_chunk->next = chunk;
    patchbay_current_chunk = chunk;
    patchbay_used = 0;
  }
  void *found = (char *)(patchbay_current_chunk + 1) + patchbay_used;
  patchbay_used += needed;
  return found;
}

/* Copies without the C library, which a plugin need not have. */
PATCHBAY_API void patchbay_copy(char *to, const char *from, size_t bytes) {
  if (bytes > 0) __builtin_memcpy(to, from, bytes);
}

/* Text that ends with a 0, as C writes it. */
PATCHBAY_API patchbay_bytes patchbay_text(const char *text) {
  size_t length = 0;
  while (text != NULL && text[length] != 0) length++;
  return (patchbay_bytes){text, length};
}

PATCHBAY_API patchbay_bytes patchbay_bytes_of(const void *data, size_t length) {
  return (patchbay_bytes){(const char *)data, length};
}

PATCHBAY_API bool patchbay_equal(patchbay_bytes one, patchbay_bytes other) {
  if (one.length != other.length) return false;
  for (size_t at = 0; at < one.length; at++) {
    if (one.data[at] != other.data[at]) return false;
  }
  return true;
}

/* True where bytes are the text. */
PATCHBAY_API bool patchbay_is(patchbay_bytes bytes, const char *text) { return patchbay_equal(bytes, patchbay_text(text)); }

PATCHBAY_API patchbay_bytes patchbay_join(patchbay_bytes one, patchbay_bytes other) {
  char *data = (char *)patchbay_allocate(one.length + other.length + 1);
  patchbay_copy(data, one.data, one.length);
  patchbay_copy(data + one.length, other.data, other.length);
  data[one.length + other.length] = 0;
  return (patchbay_bytes){data, one.length + other.length};
}

/* Copies bytes into a new block, which the host frees; 0 for none. */
PATCHBAY_API uint64_t patchbay_block(patchbay_bytes bytes) {
  if (bytes.length == 0) return 0;
  uint64_t handle = patchbay_import_alloc(bytes.length);
  if (handle == 0) patchbay_abort("the host has no memory left");
  size_t at = 0;
  for (; at + 8 <= bytes.length; at += 8) {
    uint64_t word;
    __builtin_memcpy(&word, bytes.data + at, 8);
    patchbay_import_store_u64(handle + at, word);
  }
  for (; at < bytes.length; at++) patchbay_import_store_u8(handle + at, (uint8_t)bytes.data[at]);
  return handle;
}

/* Copies a block that the host gave, and frees it; nothing for 0. */
PATCHBAY_API patchbay_bytes patchbay_take(uint64_t handle) {
  if (handle == 0) return patchbay_nothing;
  size_t length = (size_t)patchbay_import_length(handle);
  char *data = (char *)patchbay_allocate(length + 1);
  size_t at = 0;
  for (; at + 8 <= length; at += 8) {
    uint64_t word = patchbay_import_load_u64(handle + at);
    __builtin_memcpy(data + at, &word, 8);
  }
  for (; at < length; at++) data[at] = (char)patchbay_import_load_u8(handle + at);
  data[length] = 0;
  patchbay_import_free(handle);
  return (patchbay_bytes){data, length};
}

/* The call's input; empty where there is none. */
PATCHBAY_API patchbay_bytes patchbay_input(void) {
  size_t length = (size_t)patchbay_import_input_length();
  char *data = (char *)patchbay_allocate(length + 1);
  size_t at = 0;
  for (; at + 8 <= length; at += 8) {
    uint64_t word = patchbay_import_input_load_u64(at);
    __builtin_memcpy(data + at, &word, 8);
  }
  for (; at < length; at++) data[at] = (char)patchbay_import_input_load_u8(at);
  data[length] = 0;
  return (patchbay_bytes){data, length};
}

/* Sets the call's output. Returns 0, to be returned. */
PATCHBAY_API int32_t patchbay_output(patchbay_bytes bytes) {
  patchbay_import_output_set(patchbay_block(bytes), bytes.length);
  return 0;
}

/* Sets the call's error. Returns 1, to be returned: the call has failed. */
PATCHBAY_API int32_t patchbay_fail(patchbay_bytes message) {
  patchbay_import_error_set(patchbay_block(message));
  return 1;
}

/* Fails with a refusal, for which the plugin is not blamed: `if (!answer.ok) return patchbay_fail_with(answer);` */
PATCHBAY_API int32_t patchbay_fail_with(patchbay_answer answer) {
  return patchbay_fail(patchbay_join(patchbay_join(answer.code, patchbay_text(": ")), answer.message));
}

/* Ends the call at once, for what should never happen. */
PATCHBAY_API void patchbay_abort(const char *message) {
  patchbay_fail(patchbay_text(message));
  __builtin_trap();
}

typedef enum { PATCHBAY_TRACE, PATCHBAY_DEBUG, PATCHBAY_INFO, PATCHBAY_WARN, PATCHBAY_ERROR } patchbay_level;

/* A line of the execution's log; one below the host's level is not copied. */
PATCHBAY_API void patchbay_log(patchbay_level level, patchbay_bytes line) {
  if ((uint32_t)level < patchbay_import_get_log_level()) return;
  uint64_t block = patchbay_block(line);
  if (level == PATCHBAY_TRACE) patchbay_import_log_trace(block);
  else if (level == PATCHBAY_DEBUG) patchbay_import_log_debug(block);
  else if (level == PATCHBAY_INFO) patchbay_import_log_info(block);
  else if (level == PATCHBAY_WARN) patchbay_import_log_warn(block);
  else patchbay_import_log_error(block);
}

/* A setting as text, nothing where there is none; what is no text is JSON. */
PATCHBAY_API patchbay_bytes patchbay_config(const char *name) {
  return patchbay_take(patchbay_import_config_get(patchbay_block(patchbay_text(name))));
}

/* Extism's variables: nothing where there is none. */
PATCHBAY_API patchbay_bytes patchbay_variable(const char *name) {
  return patchbay_take(patchbay_import_var_get(patchbay_block(patchbay_text(name))));
}

/* An empty value removes the variable: the host has no empty blocks. */
PATCHBAY_API void patchbay_set_variable(const char *name, patchbay_bytes value) {
  uint64_t key = patchbay_block(patchbay_text(name));
  patchbay_import_var_set(key, patchbay_block(value));
}

/* Whose call this is, as JSON: tenantId, subject, roles, installId, pluginId, version, executionId, traceId, deadline. */
PATCHBAY_API patchbay_bytes patchbay_context(void) { return patchbay_take(patchbay_import_context()); }

/* Bytes that came with the last capability answer; nothing where none did. */
PATCHBAY_API patchbay_bytes patchbay_body(void) { return patchbay_take(patchbay_import_call_body()); }

/* The next piece of the input, at most so many bytes (0 for the host's choice); nothing at its end. */
PATCHBAY_API patchbay_bytes patchbay_read(size_t most) { return patchbay_take(patchbay_import_stream_read(most)); }

/* Gives a piece of the output to the caller, and waits until it is ready for more. */
PATCHBAY_API void patchbay_write(patchbay_bytes piece) {
  if (piece.length > 0) patchbay_import_stream_write(patchbay_block(piece));
}

PATCHBAY_API void patchbay_append(patchbay_json *json, const char *data, size_t length) {
  if (json->room - json->length < length + 1) {
    size_t room = (json->length + length + 1) * 2 + 64;
    char *grown = (char *)patchbay_allocate(room);
    patchbay_copy(grown, json->data, json->length);
    json->data = grown;
    json->room = room;
  }
  patchbay_copy(json->data + json->length, data, length);
  json->length += length;
  json->data[json->length] = 0;
}

PATCHBAY_API void patchbay_append_quoted(patchbay_json *json, patchbay_bytes text) {
  static const char digits[] = "0123456789abcdef";
  size_t from = 0;
  patchbay_append(json, "\"", 1);
  for (size_t at = 0; at < text.length; at++) {
    unsigned char byte = (unsigned char)text.data[at];
    if (byte >= 0x20 && byte != '"' && byte != '\\') continue;
    char escape[] = {'\\', 'u', '0', '0', digits[byte >> 4], digits[byte & 15]};
    char plain[] = {'\\', (char)byte};
    patchbay_append(json, text.data + from, at - from);
    if (byte >= 0x20) patchbay_append(json, plain, sizeof plain);
    else patchbay_append(json, escape, sizeof escape);
    from = at + 1;
  }
  patchbay_append(json, text.data + from, text.length - from);
  patchbay_append(json, "\"", 1);
}

/* What comes before a value: a comma where it is not the first, and its name in an object (NULL in a list). */
PATCHBAY_API void patchbay_before(patchbay_json *json, const char *name) {
  char last = json->length > 0 ? json->data[json->length - 1] : '[';
  if (last != '{' && last != '[') patchbay_append(json, ",", 1);
  if (name == NULL) return;
  patchbay_append_quoted(json, patchbay_text(name));
  patchbay_append(json, ":", 1);
}

/* An object that is not closed yet: what takes it closes it. Not for use after that. */
PATCHBAY_API patchbay_json patchbay_object(void) {
  patchbay_json json = {NULL, 0, 0};
  patchbay_append(&json, "{", 1);
  return json;
}

/* A value by itself, such as a list: what is put first is it. patchbay_written has it, closed or not, without changing it. */
PATCHBAY_API patchbay_json patchbay_value(void) { return (patchbay_json){NULL, 0, 0}; }
PATCHBAY_API patchbay_bytes patchbay_written(const patchbay_json *json) { return (patchbay_bytes){json->data, json->length}; }

/* As it is: text must be UTF-8. In a list the name is NULL, here and below. */
PATCHBAY_API void patchbay_put_text(patchbay_json *json, const char *name, patchbay_bytes text) {
  patchbay_before(json, name);
  patchbay_append_quoted(json, text);
}

PATCHBAY_API void patchbay_put_json(patchbay_json *json, const char *name, patchbay_bytes value) {
  patchbay_before(json, name);
  patchbay_append(json, value.data, value.length);
}

PATCHBAY_API void patchbay_put_boolean(patchbay_json *json, const char *name, bool value) {
  patchbay_put_json(json, name, patchbay_text(value ? "true" : "false"));
}

PATCHBAY_API void patchbay_put_null(patchbay_json *json, const char *name) {
  patchbay_put_json(json, name, patchbay_text("null"));
}

PATCHBAY_API void patchbay_put_integer(patchbay_json *json, const char *name, int64_t value) {
  char digits[20];
  size_t at = sizeof digits;
  uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
  do digits[--at] = (char)('0' + rest % 10);
  while ((rest /= 10) > 0);
  patchbay_before(json, name);
  if (value < 0) patchbay_append(json, "-", 1);
  patchbay_append(json, digits + at, sizeof digits - at);
}

/* `decimals` digits behind the point, at most 9: 1.5 with 2 is 1.50. What is no number, or beyond 2^53, is null. */
PATCHBAY_API void patchbay_put_decimal(patchbay_json *json, const char *name, double value, unsigned decimals) {
  double size = value < 0 ? -value : value;
  if (!(size < 9007199254740992.0)) {
    patchbay_put_null(json, name);
    return;
  }
  uint64_t scale = 1;
  for (unsigned at = 0; at < decimals && at < 9; at++) scale *= 10;
  uint64_t whole = (uint64_t)size;
  uint64_t part = (uint64_t)((size - (double)whole) * (double)scale + 0.5);
  whole += part / scale;
  part %= scale;
  patchbay_json number = patchbay_value();
  if (value < 0) patchbay_append(&number, "-", 1);
  patchbay_json digits = patchbay_value();
  patchbay_put_integer(&digits, NULL, (int64_t)whole);
  patchbay_append(&number, digits.data, digits.length);
  if (scale > 1) patchbay_append(&number, ".", 1);
  for (scale /= 10; scale > 0; scale /= 10) {
    char digit = (char)('0' + part / scale % 10);
    patchbay_append(&number, &digit, 1);
  }
  patchbay_put_json(json, name, patchbay_written(&number));
}

/* Bytes in Base64 with padding, as requests carry signatures, secrets and blobs. */
PATCHBAY_API void patchbay_put_base64(patchbay_json *json, const char *name, patchbay_bytes bytes) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  patchbay_before(json, name);
  patchbay_append(json, "\"", 1);
  for (size_t at = 0; at < bytes.length; at += 3) {
    const unsigned char *from = (const unsigned char *)bytes.data + at;
    size_t left = bytes.length - at;
    uint32_t group = (uint32_t)from[0] << 16 | (left > 1 ? (uint32_t)from[1] << 8 : 0) | (left > 2 ? from[2] : 0);
    char four[] = {digits[group >> 18], digits[group >> 12 & 63], digits[group >> 6 & 63], digits[group & 63]};
    if (left < 3) four[3] = '=';
    if (left < 2) four[2] = '=';
    patchbay_append(json, four, sizeof four);
  }
  patchbay_append(json, "\"", 1);
}

/* An object or list inside; patchbay_close ends the innermost with '}' or ']'. */
PATCHBAY_API void patchbay_open_object(patchbay_json *json, const char *name) { patchbay_put_json(json, name, patchbay_text("{")); }
PATCHBAY_API void patchbay_open_list(patchbay_json *json, const char *name) { patchbay_put_json(json, name, patchbay_text("[")); }
PATCHBAY_API void patchbay_close(patchbay_json *json, char bracket) { patchbay_append(json, &bracket, 1); }

/* Closes the whole, begun with patchbay_object. */
PATCHBAY_API patchbay_bytes patchbay_finish(patchbay_json *json) {
  patchbay_append(json, "}", 1);
  return patchbay_written(json);
}

PATCHBAY_API int32_t patchbay_output_json(patchbay_json *json) { return patchbay_output(patchbay_finish(json)); }

PATCHBAY_API uint64_t patchbay_request_block(patchbay_json *request) {
  return request == NULL ? 0 : patchbay_block(patchbay_finish(request));
}

/* Made for what the platform writes: of JSON that is not well-formed the answer is any, but nothing outside of it is read. */
typedef struct {
  const char *at;
  const char *end;
} patchbay_cursor;

PATCHBAY_API void patchbay_skip_space(patchbay_cursor *cursor) {
  while (cursor->at < cursor->end && (*cursor->at == ' ' || *cursor->at == '\n' || *cursor->at == '\r' || *cursor->at == '\t'))
    cursor->at++;
}

/* Takes a value and what is in it, without recursion. */
PATCHBAY_API patchbay_bytes patchbay_take_value(patchbay_cursor *cursor) {
  patchbay_skip_space(cursor);
  const char *from = cursor->at;
  size_t depth = 0;
  bool quoted = false;
  for (; cursor->at < cursor->end; cursor->at++) {
    char character = *cursor->at;
    if (quoted) {
      if (character == '\\') cursor->at++;
      else if (character == '"') quoted = false;
      if (character == '"' && depth == 0) break;
    } else if (character == '"') {
      quoted = true;
    } else if (character == '{' || character == '[') {
      depth++;
    } else if (character == '}' || character == ']') {
      if (depth == 0) return (patchbay_bytes){from, (size_t)(cursor->at - from)};
      if (--depth == 0) break;
    } else if (depth == 0 && (character == ',' || character == ' ' || character == '\n' || character == '\r' || character == '\t')) {
      return (patchbay_bytes){from, (size_t)(cursor->at - from)};
    }
  }
  if (cursor->at < cursor->end) cursor->at++;
  else cursor->at = cursor->end;
  return (patchbay_bytes){from, (size_t)(cursor->at - from)};
}

PATCHBAY_API bool patchbay_take_mark(patchbay_cursor *cursor, char mark) {
  patchbay_skip_space(cursor);
  if (cursor->at >= cursor->end || *cursor->at != mark) return false;
  cursor->at++;
  return true;
}

/* A list, or the values of an object, in turn: `patchbay_each each = patchbay_each_of(list); while (patchbay_next(&each)) …each.value`. */
typedef struct {
  /* Of a member of an object: its name as JSON. */
  patchbay_bytes name;
  patchbay_bytes value;
  patchbay_cursor rest;
  bool named;
} patchbay_each;

PATCHBAY_API patchbay_each patchbay_each_of(patchbay_bytes json) {
  patchbay_each each = {patchbay_nothing, patchbay_nothing, {json.data, json.data + json.length}, false};
  each.named = patchbay_take_mark(&each.rest, '{');
  if (!each.named && !patchbay_take_mark(&each.rest, '[')) each.rest.at = each.rest.end;
  return each;
}

PATCHBAY_API bool patchbay_next(patchbay_each *each) {
  patchbay_take_mark(&each->rest, ',');
  if (each->named) {
    each->name = patchbay_take_value(&each->rest);
    if (each->name.length == 0 || !patchbay_take_mark(&each->rest, ':')) return false;
  }
  each->value = patchbay_take_value(&each->rest);
  return each->value.length > 0;
}

/* Appends a code point as UTF-8; a lone surrogate becomes U+FFFD. */
PATCHBAY_API void patchbay_append_character(patchbay_json *to, uint32_t code) {
  if (code >= 0xd800 && code <= 0xdfff) code = 0xfffd;
  char bytes[4];
  size_t length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  static const unsigned char leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
  for (size_t at = length; at-- > 1; code >>= 6) bytes[at] = (char)(0x80 | (code & 0x3f));
  bytes[0] = (char)(leads[length] | code);
  patchbay_append(to, bytes, length);
}

/* The four digits of an escape, from `at`; 0xffffffff where they are none. */
PATCHBAY_API uint32_t patchbay_hexadecimal(patchbay_bytes json, size_t at) {
  uint32_t code = 0;
  for (size_t digit = at; digit < at + 4; digit++) {
    char character = digit < json.length ? json.data[digit] : 0;
    uint32_t value = character >= '0' && character <= '9'   ? (uint32_t)(character - '0')
                     : character >= 'a' && character <= 'f' ? (uint32_t)(character - 'a' + 10)
                     : character >= 'A' && character <= 'F' ? (uint32_t)(character - 'A' + 10)
                                                            : 16;
    if (value == 16) return 0xffffffffu;
    code = code << 4 | value;
  }
  return code;
}

/* A string of JSON as text; nothing for any other value, or an escape that JSON does not have. */
PATCHBAY_API patchbay_bytes patchbay_as_text(patchbay_bytes json) {
  if (json.length < 2 || json.data[0] != '"') return patchbay_nothing;
  patchbay_json text = {NULL, 0, 0};
  patchbay_append(&text, "", 0);
  size_t end = json.length - 1;
  for (size_t at = 1; at < end; at++) {
    size_t from = at;
    while (at < end && json.data[at] != '\\') at++;
    patchbay_append(&text, json.data + from, at - from);
    if (at + 1 >= end) break;
    char kind = json.data[++at];
    static const char escapes[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
    uint32_t code = 0xffffffffu;
    for (size_t pair = 0; pair < sizeof escapes - 1; pair += 2) {
      if (escapes[pair] == kind) code = (unsigned char)escapes[pair + 1];
    }
    if (kind == 'u') {
      code = patchbay_hexadecimal(json, at + 1);
      at += 4;
      bool first = code >= 0xd800 && code < 0xdc00 && at + 6 < end && json.data[at + 1] == '\\' && json.data[at + 2] == 'u';
      uint32_t second = first ? patchbay_hexadecimal(json, at + 3) : 0;
      if (second >= 0xdc00 && second < 0xe000) {
        code = 0x10000 + ((code - 0xd800) << 10) + (second - 0xdc00);
        at += 6;
      }
    }
    if (code == 0xffffffffu) return patchbay_nothing;
    patchbay_append_character(&text, code);
  }
  return (patchbay_bytes){text.data, text.length};
}

/*
 * The value at a path of names and positions: `keys.0.key`. Nothing where there is none. A name with a point in it is found with
 * patchbay_each only. The result is JSON.
 */
PATCHBAY_API patchbay_bytes patchbay_get(patchbay_bytes json, const char *path) {
  patchbay_cursor whole = {json.data, json.data + json.length};
  json = patchbay_take_value(&whole);
  while (*path != 0) {
    size_t length = 0;
    size_t position = 0;
    for (; path[length] != 0 && path[length] != '.'; length++) {
      bool digit = path[length] >= '0' && path[length] <= '9';
      position = digit && position < SIZE_MAX / 16 ? position * 10 + (size_t)(path[length] - '0') : SIZE_MAX;
    }
    patchbay_each each = patchbay_each_of(json);
    json = patchbay_nothing;
    for (size_t at = 0; patchbay_next(&each); at++) {
      if (each.named ? !patchbay_equal(patchbay_as_text(each.name), patchbay_bytes_of(path, length)) : at != position) continue;
      json = each.value;
      break;
    }
    if (json.data == NULL) return patchbay_nothing;
    path += length + (path[length] == '.' ? 1 : 0);
  }
  return json;
}

/* Text at a path, nothing where there is none or another value. */
PATCHBAY_API patchbay_bytes patchbay_get_text(patchbay_bytes json, const char *path) {
  return patchbay_as_text(patchbay_get(json, path));
}

PATCHBAY_API bool patchbay_get_boolean(patchbay_bytes json, const char *path) { return patchbay_is(patchbay_get(json, path), "true"); }

/* True where there is a value other than null. */
PATCHBAY_API bool patchbay_has(patchbay_bytes json, const char *path) {
  patchbay_bytes found = patchbay_get(json, path);
  return found.length > 0 && !patchbay_is(found, "null");
}

/* A number at a path, or `otherwise`. Right to the last digit up to 15 of them and 22 places, as almost every number is. */
PATCHBAY_API double patchbay_get_number(patchbay_bytes json, const char *path, double otherwise) {
  patchbay_bytes text = patchbay_get(json, path);
  size_t at = text.length > 0 && text.data[0] == '-' ? 1 : 0;
  if (at >= text.length || text.data[at] < '0' || text.data[at] > '9') return otherwise;
  uint64_t digits = 0;
  int exponent = 0;
  bool behind = false;
  for (; at < text.length && (text.data[at] == '.' || (text.data[at] >= '0' && text.data[at] <= '9')); at++) {
    if (text.data[at] == '.') behind = true;
    else if (digits < 1000000000000000000u) digits = digits * 10 + (uint64_t)(text.data[at] - '0'), exponent -= behind;
    else exponent += !behind;
  }
  if (at < text.length && (text.data[at] == 'e' || text.data[at] == 'E')) {
    bool negative = ++at < text.length && text.data[at] == '-';
    int given = 0;
    if (at < text.length && (text.data[at] == '-' || text.data[at] == '+')) at++;
    for (; at < text.length && given < 1000; at++) given = given * 10 + (text.data[at] - '0');
    exponent += negative ? -given : given;
  }
  double value = (double)digits;
  double power = 1;
  for (int left = exponent < 0 ? -exponent : exponent; left > 0; left--) {
    power *= 10;
    if (left % 22 != 1) continue;
    value = exponent < 0 ? value / power : value * power;
    power = 1;
  }
  return text.data[0] == '-' ? -value : value;
}

/* A whole number at a path, or `otherwise`; what is behind the point is left out. */
PATCHBAY_API int64_t patchbay_get_integer(patchbay_bytes json, const char *path, int64_t otherwise) {
  patchbay_bytes text = patchbay_get(json, path);
  size_t at = text.length > 0 && text.data[0] == '-' ? 1 : 0;
  if (at >= text.length || text.data[at] < '0' || text.data[at] > '9') return otherwise;
  uint64_t value = 0;
  for (; at < text.length && text.data[at] >= '0' && text.data[at] <= '9'; at++) value = value * 10 + (uint64_t)(text.data[at] - '0');
  return text.data[0] == '-' ? (int64_t)(0 - value) : (int64_t)value;
}

/* Reads and frees an answer. */
PATCHBAY_API patchbay_answer patchbay_answered(uint64_t handle) {
  patchbay_answer answer = {false, patchbay_nothing, patchbay_nothing, patchbay_nothing};
  if (handle == 0) {
    answer.code = patchbay_text("KERNEL_MEMORY_EXCEEDED");
    answer.message = patchbay_text("The answer does not fit into the memory.");
    return answer;
  }
  patchbay_bytes json = patchbay_take(handle);
  patchbay_bytes error = patchbay_get(json, "error");
  if (error.data == NULL) {
    answer.ok = true;
    answer.value = patchbay_get(json, "value");
    return answer;
  }
  answer.code = patchbay_get_text(error, "code");
  answer.message = patchbay_get_text(error, "message");
  return answer;
}

#endif
