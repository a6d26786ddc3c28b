import { createHost } from "@patchbay/sdk/testing";
import { expect, test } from "vitest";

const plugin = new URL("../dist/plugin.wasm", import.meta.url);

test("ends a file with one line break and leaves the rest", async () => {
  const host = await createHost({ plugin });
  const file = { name: "a.txt", contentType: "text/plain", content: "one\n\n\n" };
  expect((await host.call("hook_file_process", file)).json()).toEqual({ ...file, content: "one\n" });
});
