// A JavaScript engine for plugins. The packer (sdk/packer) runs it while a plugin is built: one instance compiles the bundle to
// bytecode, another loads and runs it; the memory of the second becomes the plugin. In a call only `invoke` is left.
#include "host-object.h"
#include "kernel.h"
#include "memory.h"
#include "rejections.h"
#include "slots.h"
#include <stdlib.h>
#include <string.h>

// JavaScript's own stack, less than the module's, so that a recursion ends as an error that can be caught.
enum { STACK = 384 * 1024 };

static JSRuntime *runtime;
static JSContext *context;
static JSValue *functions;

// What the packer reads after a function of the build, as text: names, or the error.
static char *text_for_packer;
static uint8_t *bytecode;
static size_t bytecode_length;

#ifdef WITHOUT_PARSER
static JSContext *new_context(JSRuntime *owner) {
  JSContext *js = JS_NewContextRaw(owner);
  if (js == NULL) return NULL;
  JS_AddIntrinsicBaseObjects(js);
  JS_AddIntrinsicDate(js);
  JS_AddIntrinsicRegExp(js);
  JS_AddIntrinsicJSON(js);
  JS_AddIntrinsicProxy(js);
  JS_AddIntrinsicMapSet(js);
  JS_AddIntrinsicTypedArrays(js);
  JS_AddIntrinsicPromise(js);
  JS_AddIntrinsicWeakRef(js);
  JS_AddIntrinsicAToB(js);
  return js;
}
#else
#define new_context JS_NewContext
#endif

static JSContext *start(JSRuntime **owner) {
  *owner = JS_NewRuntime2(&MEMORY, NULL);
  JS_SetMaxStackSize(*owner, STACK);
  JSContext *js = new_context(*owner);
  JS_AddIntrinsicDOMException(js);
  return js;
}

// Message and stack of the pending exception, as new text.
static char *take_exception(JSContext *js) {
  JSValue exception = JS_GetException(js), stack = JS_UNDEFINED;
  const char *message = JS_ToCString(js, exception), *trace = NULL;
  if (JS_IsError(exception)) {
    stack = JS_GetPropertyStr(js, exception, "stack");
    if (JS_IsString(stack)) trace = JS_ToCString(js, stack);
  }
  const char *shown = message != NULL ? message : "an error that has no text";
  size_t first = strlen(shown), second = trace != NULL ? strlen(trace) : 0;
  char *text = malloc(first + second + 2);
  memcpy(text, shown, first);
  text[first] = '\n';
  if (second > 0) memcpy(text + first + 1, trace, second);
  text[first + 1 + second] = 0;
  if (message != NULL) JS_FreeCString(js, message);
  if (trace != NULL) JS_FreeCString(js, trace);
  JS_FreeValue(js, stack);
  JS_FreeValue(js, exception);
  return text;
}

static int fail_build(JSContext *js) {
  text_for_packer = take_exception(js);
  return -1;
}

static int fail_call(JSContext *js) {
  char *text = take_exception(js);
  size_t length = strlen(text);
  error_set(put_block((const uint8_t *)text, length));
  free(text);
  return 1;
}

static int run_jobs(void) {
  JSContext *running;
  int status;
  do status = JS_ExecutePendingJob(runtime, &running);
  while (status > 0);
  return status;
}

EXPORT("build_text") const char *build_text(void) { return text_for_packer; }
EXPORT("build_description") const char *build_description(void) { return description; }
EXPORT("build_alloc") void *build_alloc(size_t bytes) { return malloc(bytes); }
EXPORT("bytecode_start") uint8_t *bytecode_start(void) { return bytecode; }
EXPORT("bytecode_size") size_t bytecode_size(void) { return bytecode_length; }
EXPORT("slot_count") int32_t slot_count(void) { return slots_declared; }
EXPORT("slot_name") const char *slot_name(int32_t slot) { return slot_declarations[slot].name; }
EXPORT("slot_module") const char *slot_module(int32_t slot) { return slot_declarations[slot].module; }
EXPORT("slot_parameters") int32_t slot_parameters(int32_t slot) { return slot_declarations[slot].parameters; }
EXPORT("slot_results") int32_t slot_results(int32_t slot) { return slot_declarations[slot].results; }

// Where the running program is, for what the host refuses while the plugin is built. Called by the host within a call of its own.
EXPORT("build_position") const char *build_position(void) {
  if (context == NULL) return NULL;
  JS_ThrowPlainError(context, "here");
  return take_exception(context);
}

#ifndef WITHOUT_PARSER
// Compiles a program, zero-terminated, without the text of its functions.
EXPORT("compile") int compile(const char *program, size_t length) {
  JSRuntime *owner;
  JSContext *js = start(&owner);
  JSValue compiled = JS_Eval(js, program, length, "plugin.js", JS_EVAL_TYPE_GLOBAL | JS_EVAL_FLAG_COMPILE_ONLY);
  if (JS_IsException(compiled)) return fail_build(js);
  bytecode = JS_WriteObject(js, &bytecode_length, compiled, JS_WRITE_OBJ_BYTECODE | JS_WRITE_OBJ_STRIP_SOURCE);
  return bytecode != NULL ? 0 : fail_build(js);
}
#endif

// Adds a name to the text for the packer, one a line.
static void add_name(const char *name) {
  size_t known = text_for_packer != NULL ? strlen(text_for_packer) : 0, more = strlen(name);
  text_for_packer = realloc(text_for_packer, known + more + 2);
  memcpy(text_for_packer + known, name, more);
  text_for_packer[known + more] = '\n';
  text_for_packer[known + more + 1] = 0;
}

// The functions among the own properties of an object become what can be invoked, in their order.
static int take_functions(JSValueConst offered) {
  JSPropertyEnum *names;
  uint32_t count;
  int flags = JS_GPN_STRING_MASK | JS_GPN_ENUM_ONLY;
  if (JS_GetOwnPropertyNames(context, &names, &count, offered, flags) < 0) return -1;
  functions = malloc(sizeof(JSValue) * (count + 1));
  int taken = 0;
  for (uint32_t at = 0; at < count; at++) {
    JSValue value = JS_GetProperty(context, offered, names[at].atom);
    if (!JS_IsFunction(context, value)) {
      JS_FreeValue(context, value);
      continue;
    }
    const char *name = JS_AtomToCString(context, names[at].atom);
    add_name(name);
    JS_FreeCString(context, name);
    functions[taken++] = value;
  }
  JS_FreePropertyEnum(context, names, count);
  return taken;
}

// Makes the context in which the plugin runs; asks for the time once, as the only thing here.
EXPORT("prepare") void prepare(void) {
  context = start(&runtime);
  follow_rejections(runtime);
}

// Loads and runs bytecode, which is freed. The program leaves an object of functions in `globalThis.patchbayExports`.
// Returns how many there are; their names are the text for the packer.
EXPORT("load") int load(uint8_t *program, size_t length) {
  JSValue global = JS_GetGlobalObject(context);
  JS_SetPropertyStr(context, global, "patchbayHost", new_host_object(context));
  JSValue compiled = JS_ReadObject(context, program, length, JS_READ_OBJ_BYTECODE);
  memset(program, 0, length);
  free(program);
  if (JS_IsException(compiled)) return fail_build(context);
  JSValue result = JS_EvalFunction(context, compiled);
  if (JS_IsException(result)) return fail_build(context);
  JS_FreeValue(context, result);
  if (run_jobs() < 0) return fail_build(context);
  JSValue reason = take_rejection(context);
  if (!JS_IsUninitialized(reason)) {
    JS_Throw(context, reason);
    return fail_build(context);
  }
  JSValue offered = JS_GetPropertyStr(context, global, "patchbayExports");
  JS_FreeValue(context, global);
  int taken = take_functions(offered);
  JS_FreeValue(context, offered);
  if (taken < 0) return fail_build(context);
  JS_RunGC(runtime);
  return taken;
}

// Ends the build: from here on the instance is as a call finds it.
EXPORT("seal") void seal(void) { building = false; }

// What the promise of a function came to; the promise is freed.
static JSValue settle(JSValue promise) {
  forget_rejection(context, promise);
  JSPromiseStateEnum state = JS_PromiseState(context, promise);
  JSValue result = JS_PromiseResult(context, promise);
  JS_FreeValue(context, promise);
  if (state == JS_PROMISE_REJECTED) return JS_Throw(context, result);
  if (state == JS_PROMISE_FULFILLED) return result;
  JS_FreeValue(context, result);
  return JS_ThrowTypeError(context, "the function's promise never settled: nothing is left that could settle it");
}

// What nobody waited for is in the log of the call, whose result does not depend on it.
static void log_rejections(void) {
  for (JSValue reason = take_rejection(context); !JS_IsUninitialized(reason); reason = take_rejection(context)) {
    JS_Throw(context, reason);
    char *text = take_exception(context);
    static const char INTRODUCTION[] = "A promise was rejected and nobody waited for it: ";
    size_t first = sizeof INTRODUCTION - 1, second = strlen(text);
    char *line = malloc(first + second);
    memcpy(line, INTRODUCTION, first);
    memcpy(line + first, text, second);
    log_error(put_block((const uint8_t *)line, first + second));
    free(line);
    free(text);
  }
}

// Waits for what a function returned. A number is the call's code; an error is reported, with code 1.
static int finish(JSValue result) {
  if (JS_IsException(result)) return fail_call(context);
  if (run_jobs() < 0) {
    JS_FreeValue(context, result);
    return fail_call(context);
  }
  if (JS_IsPromise(result)) result = settle(result);
  if (JS_IsException(result)) return fail_call(context);
  int32_t code = 0;
  if (JS_IsNumber(result)) JS_ToInt32(context, &code, result);
  JS_FreeValue(context, result);
  return code;
}

// Calls a function by its index.
EXPORT("invoke") int invoke(int index) {
  JS_UpdateStackTop(runtime);
  int code = finish(JS_Call(context, functions[index], JS_UNDEFINED, 0, NULL));
  log_rejections();
  return code;
}
