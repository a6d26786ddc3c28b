/* Made for what the platform writes: of JSON that is not well-formed the answer is any, but nothing outside of it is read. */
typedef struct {
  const char *at;
  const char *end;
} patchbay_cursor;

PATCHBAY_API void patchbay_skip_space(patchbay_cursor *cursor) {
  while (cursor->at < cursor->end && (*cursor->at == ' ' || *cursor->at == '\n' || *cursor->at == '\r' || *cursor->at == '\t'))
    cursor->at++;
}

/* Takes a value and what is in it, without recursion. */
PATCHBAY_API patchbay_bytes patchbay_take_value(patchbay_cursor *cursor) {
  patchbay_skip_space(cursor);
  const char *from = cursor->at;
  size_t depth = 0;
  bool quoted = false;
  for (; cursor->at < cursor->end; cursor->at++) {
    char character = *cursor->at;
    if (quoted) {
      if (character == '\\') cursor->at++;
      else if (character == '"') quoted = false;
      if (character == '"' && depth == 0) break;
    } else if (character == '"') {
      quoted = true;
    } else if (character == '{' || character == '[') {
      depth++;
    } else if (character == '}' || character == ']') {
      if (depth == 0) return (patchbay_bytes){from, (size_t)(cursor->at - from)};
      if (--depth == 0) break;
    } else if (depth == 0 && (character == ',' || character == ' ' || character == '\n' || character == '\r' || character == '\t')) {
      return (patchbay_bytes){from, (size_t)(cursor->at - from)};
    }
  }
  if (cursor->at < cursor->end) cursor->at++;
  else cursor->at = cursor->end;
  return (patchbay_bytes){from, (size_t)(cursor->at - from)};
}

PATCHBAY_API bool patchbay_take_mark(patchbay_cursor *cursor, char mark) {
  patchbay_skip_space(cursor);
  if (cursor->at >= cursor->end || *cursor->at != mark) return false;
  cursor->at++;
  return true;
}

/* A list, or the values of an object, in turn: `patchbay_each each = patchbay_each_of(list); while (patchbay_next(&each)) …each.value`. */
typedef struct {
  /* Of a member of an object: its name as JSON. */
  patchbay_bytes name;
  patchbay_bytes value;
  patchbay_cursor rest;
  bool named;
} patchbay_each;

PATCHBAY_API patchbay_each patchbay_each_of(patchbay_bytes json) {
  patchbay_each each = {patchbay_nothing, patchbay_nothing, {json.data, json.data + json.length}, false};
  each.named = patchbay_take_mark(&each.rest, '{');
  if (!each.named && !patchbay_take_mark(&each.rest, '[')) each.rest.at = each.rest.end;
  return each;
}

PATCHBAY_API bool patchbay_next(patchbay_each *each) {
  patchbay_take_mark(&each->rest, ',');
  if (each->named) {
    each->name = patchbay_take_value(&each->rest);
    if (each->name.length == 0 || !patchbay_take_mark(&each->rest, ':')) return false;
  }
  each->value = patchbay_take_value(&each->rest);
  return each->value.length > 0;
}

/* Appends a code point as UTF-8; a lone surrogate becomes U+FFFD. */
PATCHBAY_API void patchbay_append_character(patchbay_json *to, uint32_t code) {
  if (code >= 0xd800 && code <= 0xdfff) code = 0xfffd;
  char bytes[4];
  size_t length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  static const unsigned char leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
  for (size_t at = length; at-- > 1; code >>= 6) bytes[at] = (char)(0x80 | (code & 0x3f));
  bytes[0] = (char)(leads[length] | code);
  patchbay_append(to, bytes, length);
}

/* The four digits of an escape, from `at`; 0xffffffff where they are none. */
PATCHBAY_API uint32_t patchbay_hexadecimal(patchbay_bytes json, size_t at) {
  uint32_t code = 0;
  for (size_t digit = at; digit < at + 4; digit++) {
    char character = digit < json.length ? json.data[digit] : 0;
    uint32_t value = character >= '0' && character <= '9'   ? (uint32_t)(character - '0')
                     : character >= 'a' && character <= 'f' ? (uint32_t)(character - 'a' + 10)
                     : character >= 'A' && character <= 'F' ? (uint32_t)(character - 'A' + 10)
                                                            : 16;
    if (value == 16) return 0xffffffffu;
    code = code << 4 | value;
  }
  return code;
}

/* A string of JSON as text; nothing for any other value, or an escape that JSON does not have. */
PATCHBAY_API patchbay_bytes patchbay_as_text(patchbay_bytes json) {
  if (json.length < 2 || json.data[0] != '"') return patchbay_nothing;
  patchbay_json text = {NULL, 0, 0};
  patchbay_append(&text, "", 0);
  size_t end = json.length - 1;
  for (size_t at = 1; at < end; at++) {
    size_t from = at;
    while (at < end && json.data[at] != '\\') at++;
    patchbay_append(&text, json.data + from, at - from);
    if (at + 1 >= end) break;
    char kind = json.data[++at];
    static const char escapes[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
    uint32_t code = 0xffffffffu;
    for (size_t pair = 0; pair < sizeof escapes - 1; pair += 2) {
      if (escapes[pair] == kind) code = (unsigned char)escapes[pair + 1];
    }
    if (kind == 'u') {
      code = patchbay_hexadecimal(json, at + 1);
      at += 4;
      bool first = code >= 0xd800 && code < 0xdc00 && at + 6 < end && json.data[at + 1] == '\\' && json.data[at + 2] == 'u';
      uint32_t second = first ? patchbay_hexadecimal(json, at + 3) : 0;
      if (second >= 0xdc00 && second < 0xe000) {
        code = 0x10000 + ((code - 0xd800) << 10) + (second - 0xdc00);
        at += 6;
      }
    }
    if (code == 0xffffffffu) return patchbay_nothing;
    patchbay_append_character(&text, code);
  }
  return (patchbay_bytes){text.data, text.length};
}
