// Functions of the platform's own.
#include "../c-abi/extism.h"
#include <stdio.h>
#include <string.h>

#define USER(name) __attribute__((import_module("extism:host/user"), import_name(name))) extern

USER("crypto_digest") uint64_t crypto_digest(uint64_t request, uint64_t body);
USER("call_body") uint64_t call_body(void);
USER("context") uint64_t call_context(void);

static char text[8192];
static uint8_t input[4096];

static uint64_t put_text(const char *from) { return put_block(from, (uint32_t)strlen(from)); }

EXPORT("digest") int32_t digest(void) {
  uint64_t body = put_block(input, read_input(input, sizeof input));
  text[take_block(crypto_digest(put_text("{\"algorithm\":\"sha256\"}"), body), (uint8_t *)text, sizeof text - 1)] = 0;
  uint32_t written = (uint32_t)strlen(text);
  uint8_t bytes[64];
  uint32_t length = take_block(call_body(), bytes, sizeof bytes);
  snprintf(text + written, sizeof text - written, " and %u bytes", (unsigned)length);
  put_output(text, (uint32_t)strlen(text));
  return 0;
}

EXPORT("whose_call") int32_t whose_call(void) {
  text[take_block(call_context(), (uint8_t *)text, sizeof text - 1)] = 0;
  const char *found = strstr(text, "\"tenantId\":\"demo\"") ? "demo" : "nobody";
  put_output(found, (uint32_t)strlen(found));
  return 0;
}
