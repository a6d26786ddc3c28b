// HTTP by Extism's http_request. The configured `url` is where requests go; outputs name no address.
#include "../c-abi/extism.h"
#include <stdio.h>
#include <string.h>

HOST("http_request") uint64_t http_request(uint64_t request, uint64_t body);
HOST("http_status_code") int32_t http_status_code(void);
HOST("http_headers") uint64_t http_headers(void);

static char text[8192];
static char url[512];
static uint8_t input[4096];

static uint64_t put_text(const char *from) { return put_block(from, (uint32_t)strlen(from)); }

static const char *configured_url(void) {
  url[take_block(config_get(put_text("url")), (uint8_t *)url, sizeof url - 1)] = 0;
  return url;
}

// Answers with the status and the body.
static int32_t request_with(const char *json, uint64_t body) {
  uint64_t answer = http_request(put_text(json), body);
  int written = snprintf(text, sizeof text, "%d ", http_status_code());
  uint32_t bytes = take_block(answer, (uint8_t *)text + written, sizeof text - (uint32_t)written);
  put_output(text, (uint32_t)written + bytes);
  return 0;
}

EXPORT("get") int32_t get(void) {
  char json[1024];
  snprintf(json, sizeof json, "{\"url\":\"%s\",\"method\":\"GET\",\"headers\":{\"x-question\":\"how\"}}", configured_url());
  return request_with(json, 0);
}

// As libraries from before Extism 1.0 write it, with the method left out.
EXPORT("get_as_before") int32_t get_as_before(void) {
  char json[1024];
  snprintf(json, sizeof json, "{\"url\":\"%s\",\"header\":{\"x-question\":\"how\"}}", configured_url());
  return request_with(json, 0);
}

EXPORT("post") int32_t post(void) {
  char json[1024];
  snprintf(json, sizeof json, "{\"url\":\"%s\",\"method\":\"post\",\"headers\":{}}", configured_url());
  return request_with(json, put_block(input, read_input(input, sizeof input)));
}

EXPORT("response_header") int32_t response_header(void) {
  get();
  text[take_block(http_headers(), (uint8_t *)text, sizeof text - 1)] = 0;
  const char *found = strstr(text, "\"x-answer\":\"so\"") ? "x-answer: so" : "none";
  put_output(found, (uint32_t)strlen(found));
  return 0;
}

// Two requests, one after the other: status and headers are those of the last.
EXPORT("get_twice") int32_t get_twice(void) {
  get();
  return get();
}
