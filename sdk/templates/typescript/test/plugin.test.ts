import { createHost } from "@patchbay/sdk/testing";
import { expect, test } from "vitest";

const plugin = new URL("../dist/plugin.wasm", import.meta.url);

test("greets by name", async () => {
  const host = await createHost({ plugin });
  expect((await host.call("greet", { name: "Ada" })).json()).toEqual({ text: "Hello, Ada!" });
});

test("greets as it is configured", async () => {
  const host = await createHost({ plugin, config: { greeting: "Hi" } });
  expect((await host.call("greet", { name: "Ada" })).json()).toEqual({ text: "Hi, Ada!" });
});

test("says what is wrong with the input", async () => {
  const host = await createHost({ plugin });
  const { failure } = await host.call("greet", { name: "" });
  expect(failure?.detail).toContain("The input is not valid: /name");
});
