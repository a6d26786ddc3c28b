#include "patchbay.h"

/* {"name": "Ada"} to {"text": "Hello, Ada!"}, with the word that is configured. */
PATCHBAY_FUNCTION(greet) {
  patchbay_bytes name = patchbay_get_text(patchbay_input(), "name");
  if (name.data == NULL) return patchbay_fail(patchbay_text("name: expected text"));
  patchbay_bytes greeting = patchbay_config("greeting");
  if (greeting.data == NULL) greeting = patchbay_text("Hello");
  patchbay_bytes text = patchbay_join(patchbay_join(greeting, patchbay_text(", ")), name);
  patchbay_json answer = patchbay_object();
  patchbay_put_text(&answer, "text", patchbay_join(text, patchbay_text("!")));
  return patchbay_output_json(&answer);
}

/* How often it was called, kept in the install's storage. */
PATCHBAY_FUNCTION(visit) {
  patchbay_json key = patchbay_object();
  patchbay_put_text(&key, "key", patchbay_text("visits"));
  patchbay_answer found = patchbay_storage_get(&key, patchbay_nothing);
  if (!found.ok) return patchbay_fail_with(found);
  int64_t visits = patchbay_get_boolean(found.value, "found") ? patchbay_get_integer(patchbay_body(), "", 0) : 0;

  patchbay_json count = patchbay_value();
  patchbay_put_integer(&count, NULL, visits + 1);
  patchbay_json entry = patchbay_object();
  patchbay_put_text(&entry, "key", patchbay_text("visits"));
  patchbay_answer stored = patchbay_storage_set(&entry, patchbay_written(&count));
  if (!stored.ok) return patchbay_fail_with(stored);
  return patchbay_output(patchbay_written(&count));
}
