#include "rejections.h"

enum { MOST = 16 }; // further ones are as lost as their number is pointless

static struct {
  JSValue promise;
  JSValue reason;
} unhandled[MOST];
static int count;

void forget_rejection(JSContext *js, JSValueConst promise) {
  for (int at = 0; at < count; at++) {
    if (JS_VALUE_GET_PTR(unhandled[at].promise) != JS_VALUE_GET_PTR(promise)) continue;
    JS_FreeValue(js, unhandled[at].promise);
    JS_FreeValue(js, unhandled[at].reason);
    unhandled[at] = unhandled[--count];
    return;
  }
}

static void note(JSContext *js, JSValueConst promise, JSValueConst reason, bool is_handled, void *opaque) {
  if (is_handled) {
    forget_rejection(js, promise);
  } else if (count < MOST) {
    unhandled[count].promise = JS_DupValue(js, promise);
    unhandled[count++].reason = JS_DupValue(js, reason);
  }
}

void follow_rejections(JSRuntime *runtime) { JS_SetHostPromiseRejectionTracker(runtime, note, NULL); }

JSValue take_rejection(JSContext *js) {
  if (count == 0) return JS_UNINITIALIZED;
  JS_FreeValue(js, unhandled[--count].promise);
  return unhandled[count].reason;
}
