// The object `patchbayHost`, through which the library that is bundled with every plugin (sdk/plugin) reaches the host.
#pragma once
#include "quickjs.h"

// The caller owns the object. JS_EXCEPTION where there is no memory.
JSValue new_host_object(JSContext *js);

// Text that the program gave to `patchbayHost.describe`, NULL where it gave none.
extern char *description;

// A string, or the bytes of an ArrayBuffer or Uint8Array, in a new block. -1 with a pending exception for anything else.
int put_value(JSContext *js, JSValueConst value, uint64_t *handle, size_t *length);
