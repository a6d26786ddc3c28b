// Memory of the JavaScript engine. Until the plugin is built, what is freed is overwritten with zeros, so that the packed module
// holds no dead bytes of the build, which also makes it smaller.
#pragma once
#include "quickjs.h"
#include <stdbool.h>

extern bool building;
extern const JSMallocFunctions MEMORY;
