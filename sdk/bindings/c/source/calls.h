/* The call's input; empty where there is none. */
PATCHBAY_API patchbay_bytes patchbay_input(void) {
  size_t length = (size_t)patchbay_import_input_length();
  char *data = (char *)patchbay_allocate(length + 1);
  size_t at = 0;
  for (; at + 8 <= length; at += 8) {
    uint64_t word = patchbay_import_input_load_u64(at);
    __builtin_memcpy(data + at, &word, 8);
  }
  for (; at < length; at++) data[at] = (char)patchbay_import_input_load_u8(at);
  data[length] = 0;
  return (patchbay_bytes){data, length};
}

/* Sets the call's output. Returns 0, to be returned. */
PATCHBAY_API int32_t patchbay_output(patchbay_bytes bytes) {
  patchbay_import_output_set(patchbay_block(bytes), bytes.length);
  return 0;
}

/* Sets the call's error. Returns 1, to be returned: the call has failed. */
PATCHBAY_API int32_t patchbay_fail(patchbay_bytes message) {
  patchbay_import_error_set(patchbay_block(message));
  return 1;
}

/* Fails with a refusal, for which the plugin is not blamed: `if (!answer.ok) return patchbay_fail_with(answer);` */
PATCHBAY_API int32_t patchbay_fail_with(patchbay_answer answer) {
  return patchbay_fail(patchbay_join(patchbay_join(answer.code, patchbay_text(": ")), answer.message));
}

/* Ends the call at once, for what should never happen. */
PATCHBAY_API void patchbay_abort(const char *message) {
  patchbay_fail(patchbay_text(message));
  __builtin_trap();
}

typedef enum { PATCHBAY_TRACE, PATCHBAY_DEBUG, PATCHBAY_INFO, PATCHBAY_WARN, PATCHBAY_ERROR } patchbay_level;

/* A line of the execution's log; one below the host's level is not copied. */
PATCHBAY_API void patchbay_log(patchbay_level level, patchbay_bytes line) {
  if ((uint32_t)level < patchbay_import_get_log_level()) return;
  uint64_t block = patchbay_block(line);
  if (level == PATCHBAY_TRACE) patchbay_import_log_trace(block);
  else if (level == PATCHBAY_DEBUG) patchbay_import_log_debug(block);
  else if (level == PATCHBAY_INFO) patchbay_import_log_info(block);
  else if (level == PATCHBAY_WARN) patchbay_import_log_warn(block);
  else patchbay_import_log_error(block);
}
