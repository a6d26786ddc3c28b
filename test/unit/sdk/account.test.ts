import { mkdtemp, rm, stat } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { currentAccount, originOf, removeAccount, storeAccount, storedAccount } from "../../../sdk/account/account.ts";
import { ApiClient } from "../../../sdk/account/api-client.ts";
import { configFolder } from "../../../sdk/account/config-folder.ts";
import { identityOf } from "../../../sdk/account/identity.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "account-"));
  process.env["PATCHBAY_CONFIG"] = folder;
});
afterEach(async () => {
  delete process.env["PATCHBAY_CONFIG"];
  await rm(folder, { recursive: true });
});

describe("an account", () => {
  test("is kept where its owner alone can read it, until it is removed", async () => {
    expect(await storedAccount()).toBeUndefined();
    const file = await storeAccount({ url: "https://p.example.com", token: "t" });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await storedAccount()).toEqual({ url: "https://p.example.com", token: "t" });
    expect([await removeAccount(), await removeAccount()]).toEqual([true, false]);
  });

  test("is the environment's before the stored one, and its token goes to no other platform", async () => {
    await expect(currentAccount(undefined, {})).rejects.toThrow("You are not logged in");
    await storeAccount({ url: "https://p.example.com", token: "stored" });
    expect(await currentAccount(undefined, {})).toEqual({ url: "https://p.example.com", token: "stored" });
    expect(await currentAccount("https://p.example.com/", {})).toEqual({
      url: "https://p.example.com",
      token: "stored",
    });
    await expect(currentAccount("https://other.example.com", {})).rejects.toThrow(
      "You are not logged in to https://other.example.com",
    );
    const environment = { PATCHBAY_URL: "https://ci.example.com", PATCHBAY_TOKEN: "ci" };
    expect(await currentAccount(undefined, environment)).toEqual({ url: "https://ci.example.com", token: "ci" });
  });

  test.each(["http://example.com", "patchbay.example.com", "ftp://example.com"])("is not at %s", (url) => {
    expect(() => originOf(url)).toThrow(/is not encrypted|is no URL/);
  });

  test("is in the folder that the system has for it", () => {
    expect(configFolder({ XDG_CONFIG_HOME: "/x" })).toBe(path.join("/x", "patchbay"));
    expect(configFolder({ PATCHBAY_CONFIG: "/y" })).toBe("/y");
  });
});

test("a token and an API key say whose they are", () => {
  const claims = Buffer.from(JSON.stringify({ tenant: "acme", sub: "ada", roles: ["admin"], exp: 2 })).toString(
    "base64url",
  );
  expect(identityOf(`e30.${claims}.x`)).toEqual({
    kind: "token",
    tenant: "acme",
    subject: "ada",
    roles: ["admin"],
    expiresAt: 2_000,
  });
  expect(identityOf(`pbk_acme_01J00000000000000000000000_${"0".repeat(64)}`)).toMatchObject({
    kind: "API key",
    tenant: "acme",
    subject: "01J00000000000000000000000",
  });
  expect(identityOf("anything")).toMatchObject({ tenant: undefined, roles: [] });
});

describe("a request", () => {
  let server: Server;
  let url: string;
  beforeEach(async () => {
    server = createServer((request, response) => {
      if (request.url === "/moved") response.writeHead(302, { location: "/elsewhere" }).end();
      else if (request.url === "/page") response.writeHead(502, { "content-type": "text/html" }).end("<h1>Bad</h1>");
      else {
        const problem = {
          code: "MANIFEST_INVALID",
          detail: "It is not valid.",
          issues: [{ path: "/id", message: "no" }],
        };
        response.writeHead(422, { "content-type": "application/problem+json" }).end(JSON.stringify(problem));
      }
    }).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    url = `http://127.0.0.1:${address.port}`;
  });
  afterEach(() => server.close());

  test("that is refused says what the platform said, by code", async () => {
    await expect(new ApiClient({ url, token: "t" }).request("POST", "/x", {})).rejects.toMatchObject({
      message: "MANIFEST_INVALID: It is not valid.",
      detail: "/id: no",
      problem: { status: 422, code: "MANIFEST_INVALID" },
    });
    await expect(new ApiClient({ url, token: "t" }).request("GET", "/page")).rejects.toThrow("HTTP 502: Bad Gateway");
  });

  test("follows no redirect, and says where nobody answers", async () => {
    await expect(new ApiClient({ url, token: "t" }).request("GET", "/moved")).rejects.toThrow(/cannot be reached/);
    const nobody = new ApiClient({ url: "http://127.0.0.1:1", token: "t" });
    await expect(nobody.request("GET", "/x")).rejects.toThrow(/^http:\/\/127\.0\.0\.1:1 cannot be reached: .*\.$/);
  });
});
