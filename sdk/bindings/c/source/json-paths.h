/*
 * The value at a path of names and positions: `keys.0.key`. Nothing where there is none. A name with a point in it is found with
 * patchbay_each only. The result is JSON.
 */
PATCHBAY_API patchbay_bytes patchbay_get(patchbay_bytes json, const char *path) {
  patchbay_cursor whole = {json.data, json.data + json.length};
  json = patchbay_take_value(&whole);
  while (*path != 0) {
    size_t length = 0;
    size_t position = 0;
    for (; path[length] != 0 && path[length] != '.'; length++) {
      bool digit = path[length] >= '0' && path[length] <= '9';
      position = digit && position < SIZE_MAX / 16 ? position * 10 + (size_t)(path[length] - '0') : SIZE_MAX;
    }
    patchbay_each each = patchbay_each_of(json);
    json = patchbay_nothing;
    for (size_t at = 0; patchbay_next(&each); at++) {
      if (each.named ? !patchbay_equal(patchbay_as_text(each.name), patchbay_bytes_of(path, length)) : at != position) continue;
      json = each.value;
      break;
    }
    if (json.data == NULL) return patchbay_nothing;
    path += length + (path[length] == '.' ? 1 : 0);
  }
  return json;
}

/* Text at a path, nothing where there is none or another value. */
PATCHBAY_API patchbay_bytes patchbay_get_text(patchbay_bytes json, const char *path) {
  return patchbay_as_text(patchbay_get(json, path));
}

PATCHBAY_API bool patchbay_get_boolean(patchbay_bytes json, const char *path) { return patchbay_is(patchbay_get(json, path), "true"); }

/* True where there is a value other than null. */
PATCHBAY_API bool patchbay_has(patchbay_bytes json, const char *path) {
  patchbay_bytes found = patchbay_get(json, path);
  return found.length > 0 && !patchbay_is(found, "null");
}

/* A number at a path, or `otherwise`. Right to the last digit up to 15 of them and 22 places, as almost every number is. */
PATCHBAY_API double patchbay_get_number(patchbay_bytes json, const char *path, double otherwise) {
  patchbay_bytes text = patchbay_get(json, path);
  size_t at = text.length > 0 && text.data[0] == '-' ? 1 : 0;
  if (at >= text.length || text.data[at] < '0' || text.data[at] > '9') return otherwise;
  uint64_t digits = 0;
  int exponent = 0;
  bool behind = false;
  for (; at < text.length && (text.data[at] == '.' || (text.data[at] >= '0' && text.data[at] <= '9')); at++) {
    if (text.data[at] == '.') behind = true;
    else if (digits < 1000000000000000000u) digits = digits * 10 + (uint64_t)(text.data[at] - '0'), exponent -= behind;
    else exponent += !behind;
  }
  if (at < text.length && (text.data[at] == 'e' || text.data[at] == 'E')) {
    bool negative = ++at < text.length && text.data[at] == '-';
    int given = 0;
    if (at < text.length && (text.data[at] == '-' || text.data[at] == '+')) at++;
    for (; at < text.length && given < 1000; at++) given = given * 10 + (text.data[at] - '0');
    exponent += negative ? -given : given;
  }
  double value = (double)digits;
  double power = 1;
  for (int left = exponent < 0 ? -exponent : exponent; left > 0; left--) {
    power *= 10;
    if (left % 22 != 1) continue;
    value = exponent < 0 ? value / power : value * power;
    power = 1;
  }
  return text.data[0] == '-' ? -value : value;
}

/* A whole number at a path, or `otherwise`; what is behind the point is left out. */
PATCHBAY_API int64_t patchbay_get_integer(patchbay_bytes json, const char *path, int64_t otherwise) {
  patchbay_bytes text = patchbay_get(json, path);
  size_t at = text.length > 0 && text.data[0] == '-' ? 1 : 0;
  if (at >= text.length || text.data[at] < '0' || text.data[at] > '9') return otherwise;
  uint64_t value = 0;
  for (; at < text.length && text.data[at] >= '0' && text.data[at] <= '9'; at++) value = value * 10 + (uint64_t)(text.data[at] - '0');
  return text.data[0] == '-' ? (int64_t)(0 - value) : (int64_t)value;
}
