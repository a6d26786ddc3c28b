/* Copies bytes into a new block, which the host frees; 0 for none. */
PATCHBAY_API uint64_t patchbay_block(patchbay_bytes bytes) {
  if (bytes.length == 0) return 0;
  uint64_t handle = patchbay_import_alloc(bytes.length);
  if (handle == 0) patchbay_abort("the host has no memory left");
  size_t at = 0;
  for (; at + 8 <= bytes.length; at += 8) {
    uint64_t word;
    __builtin_memcpy(&word, bytes.data + at, 8);
    patchbay_import_store_u64(handle + at, word);
  }
  for (; at < bytes.length; at++) patchbay_import_store_u8(handle + at, (uint8_t)bytes.data[at]);
  return handle;
}

/* Copies a block that the host gave, and frees it; nothing for 0. */
PATCHBAY_API patchbay_bytes patchbay_take(uint64_t handle) {
  if (handle == 0) return patchbay_nothing;
  size_t length = (size_t)patchbay_import_length(handle);
  char *data = (char *)patchbay_allocate(length + 1);
  size_t at = 0;
  for (; at + 8 <= length; at += 8) {
    uint64_t word = patchbay_import_load_u64(handle + at);
    __builtin_memcpy(data + at, &word, 8);
  }
  for (; at < length; at++) data[at] = (char)patchbay_import_load_u8(handle + at);
  data[length] = 0;
  patchbay_import_free(handle);
  return (patchbay_bytes){data, length};
}
