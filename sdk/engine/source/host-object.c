#include "host-object.h"
#include "kernel.h"
#include "memory.h"
#include "slots.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define countof(array) (sizeof(array) / sizeof *(array))

#define METHOD(name) static JSValue name(JSContext *js, JSValueConst self, int count, JSValueConst *arguments)

enum { ENTROPY = 256 }; // most bytes that getentropy(3) gives at once

static uint8_t *bytes_of(JSContext *js, JSValueConst value, size_t *length) {
  uint8_t *bytes = JS_GetUint8Array(js, length, value);
  if (bytes != NULL) return bytes;
  JS_FreeValue(js, JS_GetException(js));
  return JS_GetArrayBuffer(js, length, value);
}

int put_value(JSContext *js, JSValueConst value, uint64_t *handle, size_t *length) {
  if (JS_IsString(value)) {
    const char *text = JS_ToCStringLen(js, length, value);
    if (text == NULL) return -1;
    *handle = put_block((const uint8_t *)text, *length);
    JS_FreeCString(js, text);
    return 0;
  }
  const uint8_t *bytes = bytes_of(js, value, length);
  if (bytes == NULL) {
    // An empty array has no bytes and no error.
    if (*length == 0 && !JS_HasException(js)) return *handle = put_block(NULL, 0), 0;
    return -1;
  }
  *handle = put_block(bytes, *length);
  return 0;
}

static JSValue new_text(JSContext *js, uint8_t *bytes, size_t length) {
  if (bytes == NULL) return JS_ThrowOutOfMemory(js);
  JSValue text = JS_NewStringLen(js, (const char *)bytes, length);
  free(bytes);
  return text;
}

static JSValue new_bytes(JSContext *js, uint8_t *bytes, size_t length) {
  if (bytes == NULL) return JS_ThrowOutOfMemory(js);
  JSValue array = JS_NewUint8ArrayCopy(js, bytes, length);
  free(bytes);
  return array;
}

METHOD(input_text) {
  size_t length;
  uint8_t *bytes = read_input(&length);
  return new_text(js, bytes, length);
}

METHOD(input_bytes) {
  size_t length;
  uint8_t *bytes = read_input(&length);
  return new_bytes(js, bytes, length);
}

METHOD(output) {
  uint64_t handle;
  size_t length;
  if (put_value(js, arguments[0], &handle, &length) < 0) return JS_EXCEPTION;
  output_set(handle, length);
  return JS_UNDEFINED;
}

METHOD(config) {
  uint64_t key;
  size_t length;
  if (put_value(js, arguments[0], &key, &length) < 0) return JS_EXCEPTION;
  uint64_t found = config_get(key);
  if (found == 0) return JS_NULL;
  uint8_t *bytes = read_block(found, &length);
  return new_text(js, bytes, length);
}

METHOD(variable) {
  uint64_t key;
  size_t length;
  if (put_value(js, arguments[0], &key, &length) < 0) return JS_EXCEPTION;
  uint64_t found = var_get(key);
  if (found == 0) return JS_NULL;
  uint8_t *bytes = read_block(found, &length);
  return new_bytes(js, bytes, length);
}

METHOD(set_variable) {
  uint64_t key, value = 0;
  size_t length;
  if (put_value(js, arguments[0], &key, &length) < 0) return JS_EXCEPTION;
  bool deletes = JS_IsNull(arguments[1]) || JS_IsUndefined(arguments[1]);
  if (!deletes && put_value(js, arguments[1], &value, &length) < 0) return JS_EXCEPTION;
  var_set(key, value);
  return JS_UNDEFINED;
}

METHOD(log_line) {
  static void (*const LEVELS[])(uint64_t) = {log_debug, log_info, log_warn, log_error};
  uint32_t level;
  uint64_t text;
  size_t length;
  if (JS_ToUint32(js, &level, arguments[0]) < 0 || put_value(js, arguments[1], &text, &length) < 0) return JS_EXCEPTION;
  LEVELS[level % countof(LEVELS)](text);
  return JS_UNDEFINED;
}

METHOD(encode) {
  size_t length;
  const char *text = JS_ToCStringLen(js, &length, arguments[0]);
  if (text == NULL) return JS_EXCEPTION;
  JSValue array = JS_NewUint8ArrayCopy(js, (const uint8_t *)text, length);
  JS_FreeCString(js, text);
  return array;
}

METHOD(decode) {
  size_t length;
  const uint8_t *bytes = bytes_of(js, arguments[0], &length);
  if (bytes == NULL && length > 0) return JS_EXCEPTION;
  return JS_NewStringLen(js, (const char *)bytes, length);
}

// Fills a Uint8Array.
METHOD(fill_random) {
  size_t length;
  uint8_t *bytes = JS_GetUint8Array(js, &length, arguments[0]);
  if (bytes == NULL) return JS_EXCEPTION;
  for (size_t at = 0; at < length; at += ENTROPY) {
    size_t part = length - at < ENTROPY ? length - at : ENTROPY;
    if (getentropy(bytes + at, part) != 0) return JS_ThrowInternalError(js, "there is no source of randomness");
  }
  return JS_UNDEFINED;
}

METHOD(is_building) { return JS_NewBool(js, building); }

static int read_name(JSContext *js, JSValueConst value, char *name) {
  size_t length;
  const char *text = JS_ToCStringLen(js, &length, value);
  if (text == NULL) return -1;
  bool fits = length < SLOT_NAME;
  if (fits) memcpy(name, text, length + 1);
  JS_FreeCString(js, text);
  if (!fits) JS_ThrowRangeError(js, "the name of a host function has %zu bytes; the limit is %d", length, SLOT_NAME - 1);
  return fits ? 0 : -1;
}

// declare(module, name, parameters, results): the slot of a host function, while the plugin is built.
METHOD(declare) {
  if (!building) return JS_ThrowTypeError(js, "host functions are declared at the top level of a module");
  if (slots_declared == SLOTS) return JS_ThrowRangeError(js, "a plugin can declare %d host functions", SLOTS);
  slot_declaration *next = &slot_declarations[slots_declared];
  if (read_name(js, arguments[0], next->module) < 0 || read_name(js, arguments[1], next->name) < 0) return JS_EXCEPTION;
  if (JS_ToInt32(js, &next->parameters, arguments[2]) < 0) return JS_EXCEPTION;
  if (JS_ToInt32(js, &next->results, arguments[3]) < 0) return JS_EXCEPTION;
  if (next->parameters < 0 || next->parameters > SLOT_PARAMETERS || next->results < 0 || next->results > 1)
    return JS_ThrowRangeError(js, "a host function has at most %d parameters and 1 result", SLOT_PARAMETERS);
  return JS_NewInt32(js, slots_declared++);
}

// An argument of a host function: a string or bytes as a new block, a number as it is, nothing as 0.
static int argument_of(JSContext *js, JSValueConst value, uint64_t *result) {
  size_t length;
  if (JS_IsNull(value) || JS_IsUndefined(value)) return *result = 0, 0;
  if (!JS_IsNumber(value) && !JS_IsBigInt(value)) return put_value(js, value, result, &length);
  int64_t number;
  if (JS_ToInt64Ext(js, &number, value) < 0) return -1;
  *result = (uint64_t)number;
  return 0;
}

// call(slot, first, second): bytes of the block that the function returns, null for none.
METHOD(call_host) {
  int32_t slot;
  uint64_t passed[SLOT_PARAMETERS] = {0};
  if (JS_ToInt32(js, &slot, arguments[0]) < 0) return JS_EXCEPTION;
  if (slot < 0 || slot >= slots_declared) return JS_ThrowRangeError(js, "no such host function");
  for (int at = 0; at < slot_declarations[slot].parameters && at + 1 < count; at++) {
    if (argument_of(js, arguments[at + 1], &passed[at]) < 0) return JS_EXCEPTION;
  }
  uint64_t answer = call_slot(slot, passed);
  if (slot_declarations[slot].results == 0 || answer == 0) return JS_NULL;
  size_t length;
  uint8_t *bytes = read_block(answer, &length);
  block_free(answer);
  return new_bytes(js, bytes, length);
}

char *description;

// describe(text): what the builder of the plugin is to know; the last one counts.
METHOD(describe) {
  const char *text = JS_ToCString(js, arguments[0]);
  if (text == NULL) return JS_EXCEPTION;
  free(description);
  description = strdup(text);
  JS_FreeCString(js, text);
  return JS_UNDEFINED;
}

static const JSCFunctionListEntry METHODS[] = {
    JS_CFUNC_DEF("inputText", 0, input_text),   JS_CFUNC_DEF("inputBytes", 0, input_bytes),
    JS_CFUNC_DEF("output", 1, output),          JS_CFUNC_DEF("config", 1, config),
    JS_CFUNC_DEF("variable", 1, variable),      JS_CFUNC_DEF("setVariable", 2, set_variable),
    JS_CFUNC_DEF("log", 2, log_line),           JS_CFUNC_DEF("encode", 1, encode),
    JS_CFUNC_DEF("decode", 1, decode),          JS_CFUNC_DEF("fillRandom", 1, fill_random),
    JS_CFUNC_DEF("isBuilding", 0, is_building), JS_CFUNC_DEF("declare", 4, declare),
    JS_CFUNC_DEF("call", 3, call_host),         JS_CFUNC_DEF("describe", 1, describe),
};

JSValue new_host_object(JSContext *js) {
  JSValue host = JS_NewObject(js);
  if (JS_IsException(host)) return host;
  if (JS_SetPropertyFunctionList(js, host, METHODS, countof(METHODS)) < 0) return JS_EXCEPTION;
  return host;
}
