#include "patchbay.h"

enum { TAX_PERCENT = 20 };

static patchbay_bytes slug(patchbay_bytes name) {
  char *slug = patchbay_allocate(name.length + 1);
  size_t length = 0;
  bool apart = false;
  for (size_t at = 0; at < name.length; at++) {
    char byte = name.data[at];
    if (byte >= 'A' && byte <= 'Z') byte += 'a' - 'A';
    if ((byte < 'a' || byte > 'z') && (byte < '0' || byte > '9')) {
      apart = true;
      continue;
    }
    if (apart && length > 0) slug[length++] = '-';
    slug[length++] = byte;
    apart = false;
  }
  return (patchbay_bytes){slug, length};
}

static int64_t discount_of(patchbay_bytes tier) {
  return patchbay_is(tier, "gold") ? 10 : patchbay_is(tier, "silver") ? 5 : 0;
}

/* Prices in cents; discount and tax in whole percent, rounded down. */
PATCHBAY_FUNCTION(price) {
  patchbay_bytes order = patchbay_input();
  patchbay_json priced = patchbay_object();
  patchbay_put_text(&priced, "id", patchbay_get_text(order, "id"));
  patchbay_put_text(&priced, "customer", patchbay_get_text(order, "customer.name"));
  int64_t subtotal = 0;
  patchbay_open_list(&priced, "lines");
  for (patchbay_each items = patchbay_each_of(patchbay_get(order, "items")); patchbay_next(&items);) {
    int64_t total = patchbay_get_integer(items.value, "quantity", 0) * patchbay_get_integer(items.value, "price", 0);
    patchbay_open_object(&priced, NULL);
    patchbay_put_text(&priced, "sku", patchbay_get_text(items.value, "sku"));
    patchbay_put_text(&priced, "slug", slug(patchbay_get_text(items.value, "name")));
    patchbay_put_integer(&priced, "total", total);
    patchbay_close(&priced, '}');
    subtotal += total;
  }
  patchbay_close(&priced, ']');
  int64_t discount = subtotal * discount_of(patchbay_get_text(order, "customer.tier")) / 100;
  int64_t tax = (subtotal - discount) * TAX_PERCENT / 100;
  patchbay_put_integer(&priced, "subtotal", subtotal);
  patchbay_put_integer(&priced, "discount", discount);
  patchbay_put_integer(&priced, "tax", tax);
  patchbay_put_integer(&priced, "total", subtotal - discount + tax);
  return patchbay_output_json(&priced);
}
