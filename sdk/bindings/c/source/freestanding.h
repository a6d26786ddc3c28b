/* Without a C library: clang writes calls of these where it copies and compares by itself. A plugin's own take their place. */
#if !__has_include(<string.h>)
#define PATCHBAY_LIBRARY __attribute__((weak, no_builtin, used))

PATCHBAY_LIBRARY void *memcpy(void *to, const void *from, size_t bytes) {
  for (size_t at = 0; at < bytes; at++) ((char *)to)[at] = ((const char *)from)[at];
  return to;
}

PATCHBAY_LIBRARY void *memmove(void *to, const void *from, size_t bytes) {
  if ((char *)to <= (const char *)from) return memcpy(to, from, bytes);
  while (bytes-- > 0) ((char *)to)[bytes] = ((const char *)from)[bytes];
  return to;
}

PATCHBAY_LIBRARY void *memset(void *to, int byte, size_t bytes) {
  for (size_t at = 0; at < bytes; at++) ((char *)to)[at] = (char)byte;
  return to;
}

PATCHBAY_LIBRARY int memcmp(const void *one, const void *other, size_t bytes) {
  for (size_t at = 0; at < bytes; at++) {
    int difference = ((const unsigned char *)one)[at] - ((const unsigned char *)other)[at];
    if (difference != 0) return difference;
  }
  return 0;
}
#endif
