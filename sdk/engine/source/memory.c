#include "memory.h"
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

bool building = true;

static void *take(void *opaque, size_t bytes) { return malloc(bytes); }
static void *take_zeroed(void *opaque, size_t count, size_t bytes) { return calloc(count, bytes); }

static void give_back(void *opaque, void *block) {
  if (block != NULL && building) memset(block, 0, malloc_usable_size(block));
  free(block);
}

static void *resize(void *opaque, void *block, size_t bytes) {
  if (block != NULL && bytes == 0) {
    give_back(opaque, block);
    return NULL;
  }
  if (!building || block == NULL) return realloc(block, bytes);
  size_t known = malloc_usable_size(block);
  if (bytes <= known && bytes * 2 >= known) return block;
  void *larger = malloc(bytes);
  if (larger == NULL) return NULL;
  memcpy(larger, block, known < bytes ? known : bytes);
  give_back(opaque, block);
  return larger;
}

static size_t usable(const void *block) { return malloc_usable_size((void *)block); }

const JSMallocFunctions MEMORY = {
    .js_calloc = take_zeroed,
    .js_malloc = take,
    .js_free = give_back,
    .js_realloc = resize,
    .js_malloc_usable_size = usable,
};
