// The Extism host's functions (extism/extism, runtime/src/pdk.rs), and how bytes get to and from its blocks.
#pragma once
#include <stddef.h>
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
HOST("load_u64") uint64_t load_u64(uint64_t address);
HOST("store_u8") void store_u8(uint64_t address, uint32_t value);
HOST("store_u64") void store_u64(uint64_t address, uint64_t value);
HOST("output_set") void output_set(uint64_t address, uint64_t bytes);
HOST("error_set") void error_set(uint64_t handle);
HOST("config_get") uint64_t config_get(uint64_t key);
HOST("var_get") uint64_t var_get(uint64_t key);
HOST("var_set") void var_set(uint64_t key, uint64_t value);
HOST("log_debug") void log_debug(uint64_t text);
HOST("log_info") void log_info(uint64_t text);
HOST("log_warn") void log_warn(uint64_t text);
HOST("log_error") void log_error(uint64_t text);

// Copies bytes into a new block, which the caller owns until it is given to the host.
uint64_t put_block(const uint8_t *bytes, size_t length);

// Copies a block into new memory, which the caller frees, with a zero behind its bytes. NULL where there is no memory.
uint8_t *read_block(uint64_t handle, size_t *length);

// The same of the input of the call.
uint8_t *read_input(size_t *length);
