import { handle } from "@patchbay/sdk/bindings/assemblyscript/capabilities";

@json
class Customer {
  name: string = "";
  tier: string = "";
}

@json
class Item {
  sku: string = "";
  name: string = "";
  quantity: i64 = 0;
  price: i64 = 0;
}

@json
class Order {
  id: string = "";
  customer: Customer = new Customer();
  items: Item[] = [];
}

@json
class Line {
  sku: string = "";
  slug: string = "";
  total: i64 = 0;
}

@json
class Priced {
  id: string = "";
  customer: string = "";
  lines: Line[] = [];
  subtotal: i64 = 0;
  discount: i64 = 0;
  tax: i64 = 0;
  total: i64 = 0;
}

const TAX_PERCENT: i64 = 20;

function slug(name: string): string {
  let slug = "";
  let apart = false;
  for (let at = 0; at < name.length; at++) {
    let code = name.charCodeAt(at);
    if (code >= 65 && code <= 90) code += 32;
    if ((code >= 97 && code <= 122) || (code >= 48 && code <= 57)) {
      if (apart && slug.length > 0) slug += "-";
      slug += String.fromCharCode(code);
      apart = false;
    } else apart = true;
  }
  return slug;
}

function discountOf(tier: string): i64 {
  return tier == "gold" ? 10 : tier == "silver" ? 5 : 0;
}

function priced(order: Order): Priced {
  const result = new Priced();
  result.id = order.id;
  result.customer = order.customer.name;
  for (let at = 0; at < order.items.length; at++) {
    const item = order.items[at];
    const line = new Line();
    line.sku = item.sku;
    line.slug = slug(item.name);
    line.total = item.quantity * item.price;
    result.subtotal += line.total;
    result.lines.push(line);
  }
  result.discount = (result.subtotal * discountOf(order.customer.tier)) / 100;
  result.tax = ((result.subtotal - result.discount) * TAX_PERCENT) / 100;
  result.total = result.subtotal - result.discount + result.tax;
  return result;
}

/** Prices in cents; discount and tax in whole percent, rounded down. */
export function price(): i32 {
  return handle<Order, Priced>(priced);
}
