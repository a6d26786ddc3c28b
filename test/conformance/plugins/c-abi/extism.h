// The part of the Extism host ABI (extism/extism, runtime/src/pdk.rs) that the C plugins of this suite use.
#pragma once
#include <stdint.h>

#define HOST(name) __attribute__((import_module("extism:host/env"), import_name(name))) extern
#define EXPORT(name) __attribute__((export_name(name)))

HOST("input_length") uint64_t input_length(void);
HOST("input_load_u8") uint32_t input_load_u8(uint64_t offset);
HOST("input_load_u64") uint64_t input_load_u64(uint64_t offset);
HOST("length") uint64_t block_length(uint64_t handle);
HOST("alloc") uint64_t block_alloc(uint64_t bytes);
HOST("free") void block_free(uint64_t handle);
HOST("load_u8") uint32_t load_u8(uint64_t address);
HOST("store_u8") void store_u8(uint64_t address, uint32_t value);
HOST("store_u64") void store_u64(uint64_t address, uint64_t value);
HOST("output_set") void output_set(uint64_t address, uint64_t bytes);
HOST("error_set") void error_set(uint64_t handle);
HOST("config_get") uint64_t config_get(uint64_t key);
HOST("var_get") uint64_t var_get(uint64_t key);
HOST("var_set") void var_set(uint64_t key, uint64_t value);
HOST("log_trace") void log_trace(uint64_t text);
HOST("log_debug") void log_debug(uint64_t text);
HOST("log_info") void log_info(uint64_t text);
HOST("log_warn") void log_warn(uint64_t text);
HOST("log_error") void log_error(uint64_t text);

// Copies bytes into a new block. The caller owns it until it is passed to the host; 0 stands for no bytes.
static inline uint64_t put_block(const void *from, uint32_t bytes) {
  if (bytes == 0) return 0;
  const uint8_t *source = (const uint8_t *)from;
  uint64_t handle = block_alloc(bytes);
  uint32_t at = 0;
  for (; at + 8 <= bytes; at += 8) {
    uint64_t word;
    __builtin_memcpy(&word, source + at, 8);
    store_u64(handle + at, word);
  }
  for (; at < bytes; at++) store_u8(handle + at, source[at]);
  return handle;
}

// Copies at most `room` bytes of a block and frees it. Returns how many were copied.
static inline uint32_t take_block(uint64_t handle, uint8_t *to, uint32_t room) {
  if (handle == 0) return 0;
  uint32_t bytes = (uint32_t)block_length(handle);
  if (bytes > room) bytes = room;
  for (uint32_t at = 0; at < bytes; at++) to[at] = (uint8_t)load_u8(handle + at);
  block_free(handle);
  return bytes;
}

// Copies at most `room` bytes of the input. Returns how many were copied.
static inline uint32_t read_input(uint8_t *to, uint32_t room) {
  uint32_t bytes = (uint32_t)input_length();
  if (bytes > room) bytes = room;
  uint32_t at = 0;
  for (; at + 8 <= bytes; at += 8) {
    uint64_t word = input_load_u64(at);
    __builtin_memcpy(to + at, &word, 8);
  }
  for (; at < bytes; at++) to[at] = (uint8_t)input_load_u8(at);
  return bytes;
}

static inline void put_output(const void *from, uint32_t bytes) { output_set(put_block(from, bytes), bytes); }
