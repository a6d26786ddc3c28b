#define PATCHBAY_PAGE 65536u

typedef struct patchbay_chunk {
  struct patchbay_chunk *next;
  size_t room;
} patchbay_chunk;

/* Chunks stay between calls and are filled anew. One for all files of a plugin, which is why it is weak and not static. */
__attribute__((weak)) patchbay_chunk *patchbay_first_chunk;
__attribute__((weak)) patchbay_chunk *patchbay_current_chunk;
__attribute__((weak)) size_t patchbay_used;

/* Ends the validity of everything given so far; PATCHBAY_FUNCTION does it at the beginning of each call. */
PATCHBAY_API void patchbay_release(void) {
  patchbay_current_chunk = patchbay_first_chunk;
  patchbay_used = 0;
}

/* Memory until the end of the call, aligned to 8 bytes. Where the plugin may have no more, the call ends with that as its error. */
PATCHBAY_API void *patchbay_allocate(size_t bytes) {
  if (bytes > SIZE_MAX - 2 * PATCHBAY_PAGE) patchbay_abort("the plugin has no memory left");
  size_t needed = (bytes + 7u) & ~(size_t)7;
  while (patchbay_current_chunk != NULL && patchbay_current_chunk->room - patchbay_used < needed) {
    if (patchbay_current_chunk->next == NULL) break;
    patchbay_current_chunk = patchbay_current_chunk->next;
    patchbay_used = 0;
  }
  if (patchbay_current_chunk == NULL || patchbay_current_chunk->room - patchbay_used < needed) {
    size_t pages = (needed + sizeof(patchbay_chunk) + PATCHBAY_PAGE - 1) / PATCHBAY_PAGE;
    size_t page = __builtin_wasm_memory_grow(0, pages);
    if (page == SIZE_MAX) patchbay_abort("the plugin has no memory left");
    patchbay_chunk *chunk = (patchbay_chunk *)(page * PATCHBAY_PAGE);
    chunk->next = NULL;
    chunk->room = pages * PATCHBAY_PAGE - sizeof(patchbay_chunk);
    if (patchbay_current_chunk == NULL) patchbay_first_chunk = chunk;
    else patchbay_current_chunk->next = chunk;
    patchbay_current_chunk = chunk;
    patchbay_used = 0;
  }
  void *found = (char *)(patchbay_current_chunk + 1) + patchbay_used;
  patchbay_used += needed;
  return found;
}

/* Copies without the C library, which a plugin need not have. */
PATCHBAY_API void patchbay_copy(char *to, const char *from, size_t bytes) {
  if (bytes > 0) __builtin_memcpy(to, from, bytes);
}
