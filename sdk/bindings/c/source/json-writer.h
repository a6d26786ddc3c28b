PATCHBAY_API void patchbay_append(patchbay_json *json, const char *data, size_t length) {
  if (json->room - json->length < length + 1) {
    size_t room = (json->length + length + 1) * 2 + 64;
    char *grown = (char *)patchbay_allocate(room);
    patchbay_copy(grown, json->data, json->length);
    json->data = grown;
    json->room = room;
  }
  patchbay_copy(json->data + json->length, data, length);
  json->length += length;
  json->data[json->length] = 0;
}

PATCHBAY_API void patchbay_append_quoted(patchbay_json *json, patchbay_bytes text) {
  static const char digits[] = "0123456789abcdef";
  size_t from = 0;
  patchbay_append(json, "\"", 1);
  for (size_t at = 0; at < text.length; at++) {
    unsigned char byte = (unsigned char)text.data[at];
    if (byte >= 0x20 && byte != '"' && byte != '\\') continue;
    char escape[] = {'\\', 'u', '0', '0', digits[byte >> 4], digits[byte & 15]};
    char plain[] = {'\\', (char)byte};
    patchbay_append(json, text.data + from, at - from);
    if (byte >= 0x20) patchbay_append(json, plain, sizeof plain);
    else patchbay_append(json, escape, sizeof escape);
    from = at + 1;
  }
  patchbay_append(json, text.data + from, text.length - from);
  patchbay_append(json, "\"", 1);
}

/* What comes before a value: a comma where it is not the first, and its name in an object (NULL in a list). */
PATCHBAY_API void patchbay_before(patchbay_json *json, const char *name) {
  char last = json->length > 0 ? json->data[json->length - 1] : '[';
  if (last != '{' && last != '[') patchbay_append(json, ",", 1);
  if (name == NULL) return;
  patchbay_append_quoted(json, patchbay_text(name));
  patchbay_append(json, ":", 1);
}

/* An object that is not closed yet: what takes it closes it. Not for use after that. */
PATCHBAY_API patchbay_json patchbay_object(void) {
  patchbay_json json = {NULL, 0, 0};
  patchbay_append(&json, "{", 1);
  return json;
}

/* A value by itself, such as a list: what is put first is it. patchbay_written has it, closed or not, without changing it. */
PATCHBAY_API patchbay_json patchbay_value(void) { return (patchbay_json){NULL, 0, 0}; }
PATCHBAY_API patchbay_bytes patchbay_written(const patchbay_json *json) { return (patchbay_bytes){json->data, json->length}; }

/* As it is: text must be UTF-8. In a list the name is NULL, here and below. */
PATCHBAY_API void patchbay_put_text(patchbay_json *json, const char *name, patchbay_bytes text) {
  patchbay_before(json, name);
  patchbay_append_quoted(json, text);
}

PATCHBAY_API void patchbay_put_json(patchbay_json *json, const char *name, patchbay_bytes value) {
  patchbay_before(json, name);
  patchbay_append(json, value.data, value.length);
}

PATCHBAY_API void patchbay_put_boolean(patchbay_json *json, const char *name, bool value) {
  patchbay_put_json(json, name, patchbay_text(value ? "true" : "false"));
}

PATCHBAY_API void patchbay_put_null(patchbay_json *json, const char *name) {
  patchbay_put_json(json, name, patchbay_text("null"));
}

PATCHBAY_API void patchbay_put_integer(patchbay_json *json, const char *name, int64_t value) {
  char digits[20];
  size_t at = sizeof digits;
  uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
  do digits[--at] = (char)('0' + rest % 10);
  while ((rest /= 10) > 0);
  patchbay_before(json, name);
  if (value < 0) patchbay_append(json, "-", 1);
  patchbay_append(json, digits + at, sizeof digits - at);
}

/* `decimals` digits behind the point, at most 9: 1.5 with 2 is 1.50. What is no number, or beyond 2^53, is null. */
PATCHBAY_API void patchbay_put_decimal(patchbay_json *json, const char *name, double value, unsigned decimals) {
  double size = value < 0 ? -value : value;
  if (!(size < 9007199254740992.0)) {
    patchbay_put_null(json, name);
    return;
  }
  uint64_t scale = 1;
  for (unsigned at = 0; at < decimals && at < 9; at++) scale *= 10;
  uint64_t whole = (uint64_t)size;
  uint64_t part = (uint64_t)((size - (double)whole) * (double)scale + 0.5);
  whole += part / scale;
  part %= scale;
  patchbay_json number = patchbay_value();
  if (value < 0) patchbay_append(&number, "-", 1);
  patchbay_json digits = patchbay_value();
  patchbay_put_integer(&digits, NULL, (int64_t)whole);
  patchbay_append(&number, digits.data, digits.length);
  if (scale > 1) patchbay_append(&number, ".", 1);
  for (scale /= 10; scale > 0; scale /= 10) {
    char digit = (char)('0' + part / scale % 10);
    patchbay_append(&number, &digit, 1);
  }
  patchbay_put_json(json, name, patchbay_written(&number));
}

/* Bytes in Base64 with padding, as requests carry signatures, secrets and blobs. */
PATCHBAY_API void patchbay_put_base64(patchbay_json *json, const char *name, patchbay_bytes bytes) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  patchbay_before(json, name);
  patchbay_append(json, "\"", 1);
  for (size_t at = 0; at < bytes.length; at += 3) {
    const unsigned char *from = (const unsigned char *)bytes.data + at;
    size_t left = bytes.length - at;
    uint32_t group = (uint32_t)from[0] << 16 | (left > 1 ? (uint32_t)from[1] << 8 : 0) | (left > 2 ? from[2] : 0);
    char four[] = {digits[group >> 18], digits[group >> 12 & 63], digits[group >> 6 & 63], digits[group & 63]};
    if (left < 3) four[3] = '=';
    if (left < 2) four[2] = '=';
    patchbay_append(json, four, sizeof four);
  }
  patchbay_append(json, "\"", 1);
}

/* An object or list inside; patchbay_close ends the innermost with '}' or ']'. */
PATCHBAY_API void patchbay_open_object(patchbay_json *json, const char *name) { patchbay_put_json(json, name, patchbay_text("{")); }
PATCHBAY_API void patchbay_open_list(patchbay_json *json, const char *name) { patchbay_put_json(json, name, patchbay_text("[")); }
PATCHBAY_API void patchbay_close(patchbay_json *json, char bracket) { patchbay_append(json, &bracket, 1); }

/* Closes the whole, begun with patchbay_object. */
PATCHBAY_API patchbay_bytes patchbay_finish(patchbay_json *json) {
  patchbay_append(json, "}", 1);
  return patchbay_written(json);
}

PATCHBAY_API int32_t patchbay_output_json(patchbay_json *json) { return patchbay_output(patchbay_finish(json)); }

PATCHBAY_API uint64_t patchbay_request_block(patchbay_json *request) {
  return request == NULL ? 0 : patchbay_block(patchbay_finish(request));
}
