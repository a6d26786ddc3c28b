// A JavaScript plugin: quickjs-ng with the bundled source of plugin.ts, which is evaluated when the module is initialised. Every
// function of the suite's contract is an export that calls the global function of its name.
#include "../c-abi/extism.h"
#include "bundle.h" // `static const char bundle[]`, written by the build
#include "quickjs.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 65536, KERNEL_SCAN = 256 * 1024 };

// Ends a recursion in JavaScript, as an error that can be caught, before the host ends the call at its own depth limit.
enum { STACK = 384 * 1024 };

static JSContext *context;

#define METHOD(name) static JSValue name(JSContext *js, JSValueConst self, int count, JSValueConst *arguments)

static JSValue new_bytes(JSContext *js, uint8_t *bytes, uint32_t length) {
  JSValue array = JS_NewUint8ArrayCopy(js, bytes, length);
  free(bytes);
  return array;
}

// A block becomes a text, no block null.
static JSValue take_text(JSContext *js, uint64_t handle) {
  if (handle == 0) return JS_NULL;
  uint32_t length = (uint32_t)block_length(handle);
  uint8_t *bytes = malloc(length + 1);
  take_block(handle, bytes, length);
  JSValue text = JS_NewStringLen(js, (char *)bytes, length);
  free(bytes);
  return text;
}

static uint64_t block_of(JSContext *js, JSValueConst value) {
  size_t length;
  const char *text = JS_ToCStringLen(js, &length, value);
  uint64_t handle = put_block(text, length);
  JS_FreeCString(js, text);
  return handle;
}

METHOD(input_bytes) {
  uint32_t length = (uint32_t)input_length();
  uint8_t *bytes = malloc(length + 1);
  return new_bytes(js, bytes, read_input(bytes, length));
}

METHOD(input_text) {
  uint32_t length = (uint32_t)input_length();
  uint8_t *bytes = malloc(length + 1);
  read_input(bytes, length);
  JSValue text = JS_NewStringLen(js, (char *)bytes, length);
  free(bytes);
  return text;
}

METHOD(output_bytes) {
  size_t length;
  uint8_t *bytes = JS_GetUint8Array(js, &length, arguments[0]);
  if (bytes == NULL) return JS_EXCEPTION;
  put_output(bytes, length);
  return JS_UNDEFINED;
}

METHOD(output_text) {
  size_t length;
  const char *text = JS_ToCStringLen(js, &length, arguments[0]);
  put_output(text, length);
  JS_FreeCString(js, text);
  return JS_UNDEFINED;
}

METHOD(config) { return take_text(js, config_get(block_of(js, arguments[0]))); }

METHOD(variable) { return take_text(js, var_get(block_of(js, arguments[0]))); }

METHOD(set_variable) {
  var_set(block_of(js, arguments[0]), block_of(js, arguments[1]));
  return JS_UNDEFINED;
}

METHOD(log_line) {
  static void (*const levels[])(uint64_t) = {log_trace, log_debug, log_info, log_warn, log_error};
  uint32_t level;
  JS_ToUint32(js, &level, arguments[0]);
  levels[level % 5](block_of(js, arguments[1]));
  return JS_UNDEFINED;
}

METHOD(print_line) {
  const char *text = JS_ToCString(js, arguments[0]);
  puts(text);
  JS_FreeCString(js, text);
  return JS_UNDEFINED;
}

METHOD(pause_ms) {
  uint32_t milliseconds;
  JS_ToUint32(js, &milliseconds, arguments[0]);
  struct timespec pause = {.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000};
  nanosleep(&pause, NULL);
  return JS_UNDEFINED;
}

METHOD(random_bytes) {
  uint8_t *bytes = malloc(16);
  if (getentropy(bytes, 16) != 0) return JS_ThrowInternalError(js, "no entropy");
  return new_bytes(js, bytes, 16);
}

METHOD(leave) {
  int code;
  JS_ToInt32(js, &code, arguments[0]);
  exit(code);
}

// How often the bytes, each inverted, are found in this instance's memory and in the host's exchange memory.
METHOD(find_inverted) {
  size_t length;
  uint8_t *wanted = JS_GetUint8Array(js, &length, arguments[0]);
  if (wanted == NULL) return JS_EXCEPTION;
  const volatile uint8_t *memory = 0;
  uint32_t found = 0, size = __builtin_wasm_memory_size(0) * PAGE;
  for (uint32_t at = 1; at + length <= size; at++) {
    uint32_t same = 0;
    while (same < length && memory[at + same] == (uint8_t)~wanted[same]) same++;
    found += same == length;
  }
  // A new block, so that what was there before would be inside the heap.
  block_alloc(KERNEL_SCAN);
  for (uint64_t at = 0; at < KERNEL_SCAN; at++) {
    uint32_t same = 0;
    while (same < length && (uint8_t)load_u8(at + same) == (uint8_t)~wanted[same]) same++;
    found += same == length;
  }
  return JS_NewUint32(js, found);
}

static const JSCFunctionListEntry METHODS[] = {
    JS_CFUNC_DEF("inputBytes", 0, input_bytes),   JS_CFUNC_DEF("inputText", 0, input_text),
    JS_CFUNC_DEF("outputBytes", 1, output_bytes), JS_CFUNC_DEF("outputText", 1, output_text),
    JS_CFUNC_DEF("config", 1, config),            JS_CFUNC_DEF("variable", 1, variable),
    JS_CFUNC_DEF("setVariable", 2, set_variable), JS_CFUNC_DEF("log", 2, log_line),
    JS_CFUNC_DEF("print", 1, print_line),         JS_CFUNC_DEF("pause", 1, pause_ms),
    JS_CFUNC_DEF("random", 0, random_bytes),      JS_CFUNC_DEF("exit", 1, leave),
    JS_CFUNC_DEF("findInverted", 1, find_inverted),
};

// Reports the pending exception as the call's error.
static int32_t report(void) {
  JSValue exception = JS_GetException(context);
  error_set(block_of(context, exception));
  JS_FreeValue(context, exception);
  return 1;
}

__attribute__((constructor)) static void start(void) {
  JSRuntime *runtime = JS_NewRuntime();
  JS_SetMaxStackSize(runtime, STACK);
  context = JS_NewContext(runtime);
  JSValue global = JS_GetGlobalObject(context), host = JS_NewObject(context);
  JS_SetPropertyFunctionList(context, host, METHODS, sizeof METHODS / sizeof *METHODS);
  JS_SetPropertyStr(context, global, "host", host);
  JSValue result = JS_Eval(context, bundle, sizeof bundle - 1, "plugin.js", JS_EVAL_TYPE_GLOBAL);
  if (JS_IsException(result)) {
    report();
    __builtin_trap();
  }
  JS_FreeValue(context, result);
  JS_FreeValue(context, global);
}

// Calls a global function, and waits for the promise it may return. A number it returns is the call's code.
static int32_t call(const char *name) {
  JS_UpdateStackTop(JS_GetRuntime(context));
  JSValue global = JS_GetGlobalObject(context), function = JS_GetPropertyStr(context, global, name);
  JSValue result = JS_Call(context, function, global, 0, NULL);
  JS_FreeValue(context, function);
  JS_FreeValue(context, global);
  if (JS_IsException(result)) return report();
  JSContext *running;
  while (JS_ExecutePendingJob(JS_GetRuntime(context), &running) > 0) continue;
  if (JS_IsPromise(result)) {
    JSPromiseStateEnum state = JS_PromiseState(context, result);
    JSValue settled = JS_PromiseResult(context, result);
    JS_FreeValue(context, result);
    result = settled;
    if (state == JS_PROMISE_PENDING) JS_ThrowTypeError(context, "the promise of %s never settled", name);
    if (state == JS_PROMISE_REJECTED) JS_Throw(context, settled);
    if (state != JS_PROMISE_FULFILLED) return report();
  }
  int32_t code = 0;
  if (JS_IsNumber(result)) JS_ToInt32(context, &code, result);
  JS_FreeValue(context, result);
  return code;
}

#define FUNCTION(name)                                                                                                 \
  EXPORT(#name) int32_t export_##name(void) { return call(#name); }

FUNCTION(echo)
FUNCTION(count_vowels)
FUNCTION(reverse_json)
FUNCTION(fill)
FUNCTION(fail)
FUNCTION(fail_with_code)
FUNCTION(trap)
FUNCTION(log_lines)
FUNCTION(remember)
FUNCTION(remember_and_wait)
FUNCTION(nap)
FUNCTION(recurse)
FUNCTION(spin)
FUNCTION(hoard)
FUNCTION(scan)
FUNCTION(print)
FUNCTION(clock)
FUNCTION(random)
FUNCTION(leave)
