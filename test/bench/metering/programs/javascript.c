// quickjs-ng running JavaScript: objects, strings, sorting, recursion, JSON.
#include "quickjs.h"
#include <string.h>

static const char program[] =
    "function fib(n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }"
    "function work(n) {"
    "  let sum = 0; const counts = {};"
    "  for (let i = 0; i < n; i++) { const key = 'k' + (i % 97); counts[key] = (counts[key] || 0) + i; sum += i * 2; }"
    "  const list = []; for (let i = 0; i < n; i++) list.push((i * 7919) % 3001); list.sort((x, y) => x - y);"
    "  return (sum + fib(14) + list[n >> 1] + JSON.stringify(counts).length) | 0;"
    "}";

static JSContext *context;

__attribute__((export_name("javascript"))) int javascript(int n) {
  if (!context) {
    JSRuntime *runtime = JS_NewRuntime();
    JS_SetMaxStackSize(runtime, 384 * 1024);
    context = JS_NewContext(runtime);
    JS_FreeValue(context, JS_Eval(context, program, strlen(program), "work.js", JS_EVAL_TYPE_GLOBAL));
  }
  JSValue global = JS_GetGlobalObject(context), work = JS_GetPropertyStr(context, global, "work");
  JSValue argument = JS_NewInt32(context, n), result = JS_Call(context, work, global, 1, &argument);
  int32_t answer = -1;
  JS_ToInt32(context, &answer, result);
  JS_FreeValue(context, result);
  JS_FreeValue(context, work);
  JS_FreeValue(context, global);
  return answer;
}
