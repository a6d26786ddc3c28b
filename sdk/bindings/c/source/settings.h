/* A setting as text, nothing where there is none; what is no text is JSON. */
PATCHBAY_API patchbay_bytes patchbay_config(const char *name) {
  return patchbay_take(patchbay_import_config_get(patchbay_block(patchbay_text(name))));
}

/* Extism's variables: nothing where there is none. */
PATCHBAY_API patchbay_bytes patchbay_variable(const char *name) {
  return patchbay_take(patchbay_import_var_get(patchbay_block(patchbay_text(name))));
}

/* An empty value removes the variable: the host has no empty blocks. */
PATCHBAY_API void patchbay_set_variable(const char *name, patchbay_bytes value) {
  uint64_t key = patchbay_block(patchbay_text(name));
  patchbay_import_var_set(key, patchbay_block(value));
}

/* Whose call this is, as JSON: tenantId, subject, roles, installId, pluginId, version, executionId, traceId, deadline. */
PATCHBAY_API patchbay_bytes patchbay_context(void) { return patchbay_take(patchbay_import_context()); }

/* Bytes that came with the last capability answer; nothing where none did. */
PATCHBAY_API patchbay_bytes patchbay_body(void) { return patchbay_take(patchbay_import_call_body()); }

/* The next piece of the input, at most so many bytes (0 for the host's choice); nothing at its end. */
PATCHBAY_API patchbay_bytes patchbay_read(size_t most) { return patchbay_take(patchbay_import_stream_read(most)); }

/* Gives a piece of the output to the caller, and waits until it is ready for more. */
PATCHBAY_API void patchbay_write(patchbay_bytes piece) {
  if (piece.length > 0) patchbay_import_stream_write(patchbay_block(piece));
}
