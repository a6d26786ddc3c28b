import { createServer, type Server } from "node:http";
import { once } from "node:events";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ApiClient } from "../../../sdk/account/api-client.ts";
import { installVersion } from "../../../sdk/publishing/install-version.ts";

/** A platform on which the plugin is installed in version 1.0.0, and what it was asked to change. */
let platform: Server;
let api: ApiClient;
const asked: [string, string, unknown][] = [];
let consents = false;

beforeAll(async () => {
  platform = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { method = "", url = "" } = request;
      if (method !== "GET") asked.push([method, url, JSON.parse(Buffer.concat(chunks).toString())]);
      const refused = method === "PUT" && consents;
      const problem = { code: "CONSENT_REQUIRED", status: 409, detail: "asks for more" };
      response.writeHead(refused ? 409 : 200, { "content-type": "application/json" });
      response.end(JSON.stringify(refused ? problem : { install: { version: "1.0.0", state: "active" } }));
    });
  });
  platform.listen(0, "127.0.0.1");
  await once(platform, "listening");
  const address = platform.address();
  api = new ApiClient({ url: `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`, token: "t" });
});
afterAll(() => platform.close());

const request = { pluginId: "acme.shop", version: "1.1.0", grants: { storage: {} } };

test("moves to the version through the gate, unless it is told otherwise", async () => {
  asked.length = 0;
  expect(await installVersion(api, request)).toBe("updated");
  expect(await installVersion(api, { ...request, gate: "skipped" })).toBe("updated");
  expect(asked).toEqual([
    ["PUT", "/api/plugins/acme.shop", { version: "1.1.0" }],
    ["PUT", "/api/plugins/acme.shop", { version: "1.1.0", gate: "skipped" }],
  ]);
});

test("consents in the same way to what the version asks for beyond the one before", async () => {
  [asked.length, consents] = [0, true];
  await installVersion(api, { ...request, gate: "skipped" });
  expect(asked[1]).toEqual([
    "POST",
    "/api/plugins/acme.shop/permissions/consent",
    { version: "1.1.0", grants: { storage: {} }, gate: "skipped" },
  ]);
});
