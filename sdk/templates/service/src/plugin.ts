import { defineFunction, definePlugin } from "@patchbay/sdk";
import * as v from "valibot";

/** A service that other plugins call by its name. */
export default definePlugin({
  services: {
    "tax.rate": defineFunction({
      title: "Tax of a net amount",
      input: v.object({ net: v.number(), percent: v.optional(v.number(), 20) }),
      output: v.object({ tax: v.number() }),
      run: ({ net, percent }) => ({ tax: Math.round(net * percent) / 100 }),
    }),
  },
});
