#include "kernel.h"
#include <stdlib.h>
#include <string.h>

enum { WORD = 8 };

uint64_t put_block(const uint8_t *bytes, size_t length) {
  uint64_t handle = block_alloc(length);
  size_t at = 0;
  for (; at + WORD <= length; at += WORD) {
    uint64_t word;
    memcpy(&word, bytes + at, WORD);
    store_u64(handle + at, word);
  }
  for (; at < length; at++) store_u8(handle + at, bytes[at]);
  return handle;
}

uint8_t *read_block(uint64_t handle, size_t *length) {
  *length = (size_t)block_length(handle);
  uint8_t *bytes = malloc(*length + 1);
  if (bytes == NULL) return NULL;
  size_t at = 0;
  for (; at + WORD <= *length; at += WORD) {
    uint64_t word = load_u64(handle + at);
    memcpy(bytes + at, &word, WORD);
  }
  for (; at < *length; at++) bytes[at] = (uint8_t)load_u8(handle + at);
  bytes[*length] = 0;
  return bytes;
}

uint8_t *read_input(size_t *length) {
  *length = (size_t)input_length();
  uint8_t *bytes = malloc(*length + 1);
  if (bytes == NULL) return NULL;
  size_t at = 0;
  for (; at + WORD <= *length; at += WORD) {
    uint64_t word = input_load_u64(at);
    memcpy(bytes + at, &word, WORD);
  }
  for (; at < *length; at++) bytes[at] = (uint8_t)input_load_u8(at);
  bytes[*length] = 0;
  return bytes;
}
