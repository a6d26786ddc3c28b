import { createHost } from "@patchbay/sdk/testing";
import { expect, test } from "vitest";

const plugin = new URL("../dist/plugin.wasm", import.meta.url);

test("rounds to two places", async () => {
  const host = await createHost({ plugin });
  expect((await host.call("service_tax_rate", { net: 10.01 })).json()).toEqual({ tax: 2 });
});
