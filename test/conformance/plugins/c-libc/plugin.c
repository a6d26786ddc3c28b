// The suite's contract (test/conformance/README.md) in C with wasi-libc: malloc, printf, clocks, randomness, sleeping, exit.
#include "../c-abi/extism.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 65536, KERNEL_SCAN = 256 * 1024 };

static char *kept;
static int constructed;

__attribute__((constructor)) static void construct(void) { constructed += 1; }

// Blocks as text with a terminator; the caller frees it. No block is an empty text.
static char *take_text(uint64_t handle) {
  uint32_t length = handle == 0 ? 0 : (uint32_t)block_length(handle);
  char *text = malloc(length + 1);
  take_block(handle, (uint8_t *)text, length);
  text[length] = 0;
  return text;
}

static char *input_text(void) {
  uint32_t length = (uint32_t)input_length();
  char *text = malloc(length + 1);
  read_input((uint8_t *)text, length);
  text[length] = 0;
  return text;
}

static uint64_t block_of(const char *text) { return put_block(text, strlen(text)); }

static int32_t answer(const char *text) {
  put_output(text, strlen(text));
  return 0;
}

EXPORT("echo") int32_t echo(void) {
  char *text = input_text();
  put_output(text, (uint32_t)input_length());
  free(text);
  return 0;
}

EXPORT("count_vowels") int32_t count_vowels(void) {
  char *vowels = take_text(config_get(block_of("vowels"))), *text = input_text(), out[256];
  if (*vowels == 0) vowels = strdup("aeiouAEIOU");
  int count = 0;
  for (char *at = text; (at = strpbrk(at, vowels)) != NULL; at++) count++;
  snprintf(out, sizeof out, "%d", atoi(take_text(var_get(block_of("total")))) + count);
  var_set(block_of("total"), block_of(out));
  int total = atoi(take_text(var_get(block_of("total"))));
  snprintf(out, sizeof out, "{\"count\":%d,\"total\":%d,\"vowels\":\"%s\"}", count, total, vowels);
  return answer(out);
}

// {"text":"…"} without escapes to the same characters in reverse order.
EXPORT("reverse_json") int32_t reverse_json(void) {
  char *start = strchr(input_text(), ':') + 2, *end = strchr(start, '"');
  char *out = malloc((size_t)(end - start) + 64), *to = out + sprintf(out, "{\"text\":\"");
  int characters = 0;
  for (char *at = end; at > start; characters++) {
    char *last = at--;
    while (at > start && ((unsigned char)*at & 0xc0) == 0x80) at--;
    memcpy(to, at, (size_t)(last - at));
    to += last - at;
  }
  sprintf(to, "\",\"characters\":%d}", characters);
  return answer(out);
}

EXPORT("fill") int32_t fill(void) {
  uint32_t count = strtoul(input_text(), NULL, 10);
  char *out = malloc(count);
  for (uint32_t at = 0; at < count; at++) out[at] = (char)('a' + at % 26);
  put_output(out, count);
  return 0;
}

EXPORT("fail") int32_t fail(void) {
  char message[512];
  snprintf(message, sizeof message, "no such customer: %s", input_text());
  error_set(block_of(message));
  return 1;
}

EXPORT("fail_with_code") int32_t fail_with_code(void) { return 7; }

EXPORT("trap") int32_t trap(void) {
  kept = input_text();
  abort();
}

EXPORT("log_lines") int32_t log_lines(void) {
  log_trace(block_of("a trace €"));
  log_debug(block_of("a detail"));
  log_info(block_of("a remark"));
  log_warn(block_of("a warning"));
  log_error(block_of("an error"));
  return 0;
}

static void pause_ms(long milliseconds) {
  struct timespec pause = {.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000};
  nanosleep(&pause, NULL);
}

static void keep(char *text) {
  kept = text;
  var_set(block_of("kept"), block_of(text));
}

static int32_t tell(const char *input) {
  char *out, *variable = take_text(var_get(block_of("kept"))), *secret = take_text(config_get(block_of("secret")));
  asprintf(&out, "static=[%s] var=[%s] input=[%s] config=[%s]", kept ? kept : "", variable, input, secret);
  return answer(out);
}

EXPORT("remember") int32_t remember(void) {
  char *text = input_text();
  log_info(block_of(text));
  tell(text);
  keep(text);
  return 0;
}

EXPORT("remember_and_wait") int32_t remember_and_wait(void) {
  char *text = input_text();
  log_info(block_of(text));
  keep(text);
  pause_ms(15);
  return tell(input_text());
}

// Sleeps as many milliseconds as the input says.
EXPORT("nap") int32_t nap(void) {
  pause_ms(atol(input_text()));
  return answer("slept");
}

static int descend(volatile int level) { return level == -1 ? 0 : descend(level + 1) + level; }

EXPORT("recurse") int32_t recurse(void) {
  kept = input_text();
  return descend(1);
}

static volatile int turns;

EXPORT("spin") int32_t spin(void) {
  kept = input_text();
  for (;;) turns++;
}

// Takes memory as malloc gives it, until there is none.
EXPORT("hoard") int32_t hoard(void) {
  for (;;) {
    char *block = malloc(1 << 20);
    if (block == NULL) abort();
    memset(block, 1, 1 << 20);
    kept = block;
  }
}

// How often the input, each byte inverted, is found in this instance's memory and in the host's exchange memory.
EXPORT("scan") int32_t scan(void) {
  uint8_t *wanted = (uint8_t *)input_text();
  uint32_t length = (uint32_t)input_length(), found = 0, size = __builtin_wasm_memory_size(0) * PAGE;
  char out[16], *planted = take_text(config_get(block_of("planted")));
  const volatile uint8_t *memory = 0;
  for (uint32_t at = 1; at + length <= size; at++) {
    uint32_t same = 0;
    while (same < length && memory[at + same] == (uint8_t)~wanted[same]) same++;
    found += same == length;
  }
  // A new block, so that what was there before would be inside the heap.
  block_alloc(KERNEL_SCAN);
  for (uint64_t at = 0; at < KERNEL_SCAN; at++) {
    uint32_t same = 0;
    while (same < length && (uint8_t)load_u8(at + same) == (uint8_t)~wanted[same]) same++;
    found += same == length;
  }
  snprintf(out, sizeof out, "%u", found);
  free(planted);
  return answer(out);
}

EXPORT("print") int32_t print(void) {
  printf("hello %s\n", input_text());
  fprintf(stderr, "constructed %d times, %s\n", constructed, getenv("PATH") ? "with a PATH" : "no environment");
  printf("no line end");
  fflush(stdout);
  return answer(fopen("/etc/passwd", "r") == NULL ? "no files" : "files");
}

EXPORT("clock") int32_t clock_forward(void) {
  struct timespec first, second, wall;
  clock_gettime(CLOCK_MONOTONIC, &first);
  clock_gettime(CLOCK_MONOTONIC, &second);
  clock_gettime(CLOCK_REALTIME, &wall);
  int forward = second.tv_sec > first.tv_sec || (second.tv_sec == first.tv_sec && second.tv_nsec >= first.tv_nsec);
  return answer(forward && wall.tv_sec > 1577836800 ? "forward" : "broken");
}

EXPORT("random") int32_t random_bytes(void) {
  uint8_t bytes[16];
  char out[33];
  if (getentropy(bytes, sizeof bytes) != 0) return 2;
  for (int at = 0; at < 16; at++) sprintf(out + at * 2, "%02x", bytes[at]);
  return answer(out);
}

EXPORT("leave") int32_t leave(void) {
  kept = input_text();
  printf("leaving with %s\n", kept);
  answer("left");
  exit(atoi(kept));
}
