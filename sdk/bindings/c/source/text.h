/* Text that ends with a 0, as C writes it. */
PATCHBAY_API patchbay_bytes patchbay_text(const char *text) {
  size_t length = 0;
  while (text != NULL && text[length] != 0) length++;
  return (patchbay_bytes){text, length};
}

PATCHBAY_API patchbay_bytes patchbay_bytes_of(const void *data, size_t length) {
  return (patchbay_bytes){(const char *)data, length};
}

PATCHBAY_API bool patchbay_equal(patchbay_bytes one, patchbay_bytes other) {
  if (one.length != other.length) return false;
  for (size_t at = 0; at < one.length; at++) {
    if (one.data[at] != other.data[at]) return false;
  }
  return true;
}

/* True where bytes are the text. */
PATCHBAY_API bool patchbay_is(patchbay_bytes bytes, const char *text) { return patchbay_equal(bytes, patchbay_text(text)); }

PATCHBAY_API patchbay_bytes patchbay_join(patchbay_bytes one, patchbay_bytes other) {
  char *data = (char *)patchbay_allocate(one.length + other.length + 1);
  patchbay_copy(data, one.data, one.length);
  patchbay_copy(data + one.length, other.data, other.length);
  data[one.length + other.length] = 0;
  return (patchbay_bytes){data, one.length + other.length};
}
