// Promises that were rejected while nobody waited for them. What nobody handles by the end of a call is told, not lost.
#pragma once
#include "quickjs.h"

void follow_rejections(JSRuntime *runtime);

// For a promise that the engine itself waits for.
void forget_rejection(JSContext *js, JSValueConst promise);

// The reason of one that is still unhandled, JS_UNINITIALIZED where there is none left. The caller owns it.
JSValue take_rejection(JSContext *js);
