// The suite's contract (test/conformance/README.md) in C without a library: no allocator, no WASI, nothing but host functions.
#include "../c-abi/extism.h"

enum { ROOM = 2 * 1024 * 1024, TEXT = 4096, PAGE = 65536, KERNEL_SCAN = 256 * 1024 };

static uint8_t bytes[ROOM];
static uint8_t kept[TEXT];
static uint32_t kept_bytes;

// A text being put together; what does not fit is left out.
typedef struct {
  uint8_t data[TEXT * 5];
  uint32_t length;
} Text;

static Text text;

static void add_bytes(const uint8_t *from, uint32_t count) {
  for (uint32_t at = 0; at < count && text.length < sizeof text.data; at++) text.data[text.length++] = from[at];
}

static void copy(uint8_t *to, const uint8_t *from, uint32_t count) {
  for (uint32_t at = 0; at < count; at++) to[at] = from[at];
}

static uint32_t length_of(const char *literal) {
  uint32_t length = 0;
  while (literal[length]) length++;
  return length;
}

static void add(const char *literal) { add_bytes((const uint8_t *)literal, length_of(literal)); }

static void add_number(uint32_t number) {
  uint8_t digits[10];
  uint32_t count = 0;
  do digits[sizeof digits - ++count] = (uint8_t)('0' + number % 10);
  while ((number /= 10) > 0);
  add_bytes(digits + sizeof digits - count, count);
}

static uint32_t number_in(const uint8_t *digits, uint32_t count) {
  uint32_t number = 0;
  for (uint32_t at = 0; at < count; at++) number = number * 10 + (digits[at] - '0');
  return number;
}

static uint64_t block_of(const char *literal) { return put_block(literal, length_of(literal)); }

static int32_t answer(void) {
  put_output(text.data, text.length);
  text.length = 0;
  return 0;
}

EXPORT("echo") int32_t echo(void) {
  put_output(bytes, read_input(bytes, ROOM));
  return 0;
}

EXPORT("count_vowels") int32_t count_vowels(void) {
  uint8_t vowels[64], total[16];
  uint32_t vowel_count = take_block(config_get(block_of("vowels")), vowels, sizeof vowels);
  if (vowel_count == 0) {
    vowel_count = 10;
    copy(vowels, (const uint8_t *)"aeiouAEIOU", 10);
  }
  uint32_t count = 0, length = read_input(bytes, ROOM);
  for (uint32_t at = 0; at < length; at++)
    for (uint32_t vowel = 0; vowel < vowel_count; vowel++) count += bytes[at] == vowels[vowel];

  uint32_t before = number_in(total, take_block(var_get(block_of("total")), total, sizeof total));
  add_number(before + count);
  var_set(block_of("total"), put_block(text.data, text.length));
  uint32_t after = number_in(total, take_block(var_get(block_of("total")), total, sizeof total));

  text.length = 0;
  add("{\"count\":");
  add_number(count);
  add(",\"total\":");
  add_number(after);
  add(",\"vowels\":\"");
  add_bytes(vowels, vowel_count);
  add("\"}");
  return answer();
}

// {"text":"…"} without escapes to the same characters in reverse order.
EXPORT("reverse_json") int32_t reverse_json(void) {
  uint32_t length = read_input(bytes, ROOM), start = length_of("{\"text\":\""), end = start;
  while (end < length && bytes[end] != '"') end++;
  uint32_t characters = 0;
  add("{\"text\":\"");
  for (uint32_t at = end; at > start;) {
    uint32_t last = at--;
    while (at > start && (bytes[at] & 0xc0) == 0x80) at--;
    add_bytes(bytes + at, last - at);
    characters++;
  }
  add("\",\"characters\":");
  add_number(characters);
  add("}");
  return answer();
}

EXPORT("fill") int32_t fill(void) {
  uint32_t count = number_in(bytes, read_input(bytes, 7));
  for (uint32_t at = 0; at < count; at++) bytes[at] = (uint8_t)('a' + at % 26);
  put_output(bytes, count);
  return 0;
}

EXPORT("fail") int32_t fail(void) {
  add("no such customer: ");
  add_bytes(bytes, read_input(bytes, TEXT));
  error_set(put_block(text.data, text.length));
  text.length = 0;
  return 1;
}

EXPORT("fail_with_code") int32_t fail_with_code(void) { return 7; }

EXPORT("trap") int32_t trap(void) {
  read_input(bytes, TEXT);
  __builtin_trap();
}

EXPORT("log_lines") int32_t log_lines(void) {
  log_trace(block_of("a trace \xe2\x82\xac"));
  log_debug(block_of("a detail"));
  log_info(block_of("a remark"));
  log_warn(block_of("a warning"));
  log_error(block_of("an error"));
  return 0;
}

static void add_field(const char *name, const uint8_t *value, uint32_t length) {
  add(name);
  add("=[");
  add_bytes(value, length);
  add("]");
}

EXPORT("remember") int32_t remember(void) {
  uint8_t value[TEXT];
  uint32_t length = read_input(bytes, TEXT);
  log_info(put_block(bytes, length));
  add_field("static", kept, kept_bytes);
  add_field(" var", value, take_block(var_get(block_of("kept")), value, TEXT));
  add_field(" input", bytes, length);
  add_field(" config", value, take_block(config_get(block_of("secret")), value, TEXT));
  copy(kept, bytes, length);
  kept_bytes = length;
  var_set(block_of("kept"), put_block(bytes, length));
  return answer();
}

static volatile uint32_t depth;

static uint32_t descend(uint32_t level) {
  depth = level;
  return level == 0xffffffff ? 0 : descend(level + 1) + depth;
}

EXPORT("recurse") int32_t recurse(void) {
  read_input(bytes, TEXT);
  return (int32_t)descend(1);
}

EXPORT("spin") int32_t spin(void) {
  read_input(bytes, TEXT);
  for (;;) depth++;
}

// How often the input, each byte inverted, is found in this instance's memory and in the host's exchange memory.
EXPORT("scan") int32_t scan(void) {
  uint8_t wanted[TEXT];
  uint32_t length = read_input(wanted, TEXT), found = 0;
  take_block(config_get(block_of("planted")), bytes, TEXT);
  const volatile uint8_t *memory = 0;
  uint32_t size = __builtin_wasm_memory_size(0) * PAGE;
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
  add_number(found);
  return answer();
}
