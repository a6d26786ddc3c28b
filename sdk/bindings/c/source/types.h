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
