import { createHost } from "@patchbay/sdk/testing";
import { expect, test } from "vitest";

const plugin = new URL("../dist/plugin.wasm", import.meta.url);

test("keeps a note and finds it again", async () => {
  const host = await createHost({ plugin, grants: { storage: {} } });
  const params = { name: "first" };
  expect((await host.call("endpoint_get_notes_name", { params })).json()).toMatchObject({ status: 404 });
  expect((await host.call("endpoint_put_notes_name", { params, body: "text" })).json()).toMatchObject({ status: 201 });
  expect((await host.call("endpoint_get_notes_name", { params })).json()).toEqual({ body: "text" });
});
