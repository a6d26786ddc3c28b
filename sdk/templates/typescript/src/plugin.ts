import { defineFunction, definePlugin, readConfig } from "@patchbay/sdk";
import * as v from "valibot";

const Settings = v.object({ greeting: v.optional(v.string(), "Hello") });

export default definePlugin({
  config: Settings,
  functions: {
    greet: defineFunction({
      title: "Greets somebody",
      input: v.object({ name: v.pipe(v.string(), v.minLength(1)) }),
      output: v.object({ text: v.string() }),
      run: async ({ name }) => {
        const { greeting } = await readConfig(Settings);
        return { text: `${greeting}, ${name}!` };
      },
    }),
  },
});
