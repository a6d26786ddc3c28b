import { defineHook, definePlugin } from "@patchbay/sdk";
import * as v from "valibot";

/** Files pass through every plugin of this hook, each of which may change them. */
export default definePlugin({
  hooks: {
    "file:process": defineHook({
      input: v.looseObject({ name: v.string(), content: v.string() }),
      run: (file) => ({ ...file, content: file.content.trimEnd() + "\n" }),
    }),
  },
});
