import { definePlugin } from "@patchbay/sdk";

interface Order {
  readonly id: string;
  readonly customer: { readonly name: string; readonly tier: string };
  readonly items: readonly {
    readonly sku: string;
    readonly name: string;
    readonly quantity: number;
    readonly price: number;
  }[];
}

const DISCOUNTS: Readonly<Record<string, number>> = { gold: 10, silver: 5 };
const TAX_PERCENT = 20;

function slug(name: string): string {
  return name
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((part) => part !== "")
    .join("-");
}

/** Prices in cents; discount and tax in whole percent, rounded down. */
function price({ id, customer, items }: Order) {
  const lines = items.map(({ sku, name, quantity, price: each }) => ({
    sku,
    slug: slug(name),
    total: quantity * each,
  }));
  const subtotal = lines.reduce((sum, { total }) => sum + total, 0);
  const discount = Math.trunc((subtotal * (DISCOUNTS[customer.tier] ?? 0)) / 100);
  const tax = Math.trunc(((subtotal - discount) * TAX_PERCENT) / 100);
  return { id, customer: customer.name, lines, subtotal, discount, tax, total: subtotal - discount + tax };
}

export default definePlugin({ functions: { price: (input) => price(input.json() as Order) } });
