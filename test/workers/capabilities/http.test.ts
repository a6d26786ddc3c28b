import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import type { Grants } from "../../../sdk/contract/grants.ts";
import { createDeps, createResident } from "../../../worker/deps.ts";
import { CallBridge } from "../../../worker/execution/bridge.ts";
import { BufferedStreams } from "../../../worker/execution/call-streams.ts";
import { CallLedger } from "../../../worker/execution/call-ledger.ts";
import { REACH } from "../../support/guests/tenant-reach.ts";
import { openGuest, text } from "../../support/guests/guest-isolate.ts";
import { NOW, sandboxCall } from "../../support/guests/sandbox-call.ts";
import { SSRF_CORPUS } from "../../fixtures/egress/ssrf-corpus-table.ts";

const ANY: Grants = { http: {} };
const guest = openGuest("fetch");

interface Answer {
  readonly value?: {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly url: string;
  };
  readonly error?: { readonly code: string; readonly message: string };
}

async function send(request: object, grants = ANY): Promise<Answer> {
  const outcome = await guest.call("send", { input: JSON.stringify(request) }, grants);
  expect(outcome.failure).toBeUndefined();
  return JSON.parse(text(outcome.output) ?? "") as Answer; // compared field by field
}

async function echo(request: object, functionName = "send_body"): Promise<Record<string, unknown>> {
  const outcome = await guest.call(functionName, { input: JSON.stringify(request) }, ANY);
  return JSON.parse(text(outcome.output) ?? "") as Record<string, unknown>; // of the echoing upstream
}

describe("http_send", () => {
  test("answers status, headers and body", async () => {
    const request = { url: "https://api.example.com/status?code=418" };
    expect(await send(request)).toMatchObject({ value: { status: 418, url: request.url, redirects: 0 } });
    const body = await guest.call("send_body", { input: JSON.stringify(request) }, ANY);
    expect(text(body.output)).toBe("as asked");
  });

  test("sends method, headers and body", async () => {
    const request = { url: "https://api.example.com/echo", method: "post", headers: { "X-Own": "1" } };
    expect(await echo(request, "post")).toMatchObject({
      method: "POST",
      body: "hello",
      headers: { "x-own": "1", "user-agent": "Patchbay (demo.guest)" },
    });
  });

  test("keeps back what is not the plugin's to say", async () => {
    const headers = { Host: "evil", "X-Forwarded-For": "1.1.1.1", "CF-Connecting-IP": "1.1.1.1", Via: "x" };
    const { headers: sent } = await echo({ url: "https://api.example.com/echo", headers });
    expect(sent).not.toMatchObject({ via: "x" });
    for (const name of ["x-forwarded-for", "cf-connecting-ip"]) expect(sent).not.toHaveProperty(name, "1.1.1.1");
    expect(sent).not.toMatchObject({ host: "evil" });
  });

  test("gives the answer's headers without those of the way", async () => {
    const { value } = await send({ url: "https://api.example.com/headers" });
    expect(value?.headers).toMatchObject({ "x-kind": "one, two", "set-cookie": "a=1" });
    expect(value?.headers).not.toHaveProperty("x-forwarded-for");
    expect(value?.headers).not.toHaveProperty("cf-ray");
  });

  test.each([
    [{ url: 5 }, "url"],
    [{ url: "https://api.example.com/", method: "BREW" }, "method"],
    [{ url: "https://api.example.com/", headers: { "a b": "c" } }, "headers"],
    [{ url: "https://api.example.com/", headers: { a: "x".repeat(40_000) } }, "headers"],
    [{ url: "https://api.example.com/", more: 1 }, "more"],
    [{ url: "nonsense" }, "url"],
  ])("refuses a request that does not fit: %j", async (request, field) => {
    const { error } = await send(request);
    expect(error?.code).toBe("HOST_REQUEST_INVALID");
    expect(error?.message).toContain(field);
  });
});

describe("redirects", () => {
  const to = (target: string, code = 302): string =>
    `https://api.example.com/redirect?code=${code}&to=${encodeURIComponent(target)}`;

  test("are followed, and counted", async () => {
    const url = to(to("https://other.example.com/echo"));
    expect(await send({ url })).toMatchObject({ value: { redirects: 2, url: "https://other.example.com/echo" } });
  });

  test.each([
    [301, "GET", ""],
    [302, "GET", ""],
    [303, "GET", ""],
    [307, "POST", "hello"],
    [308, "POST", "hello"],
  ])("of a POST by %d become %s with the body %j", async (code, method, body) => {
    const url = to("https://api.example.com/echo", code);
    expect(await echo({ url, method: "POST" }, "post")).toMatchObject({ method, body });
  });

  test("do not carry credentials to another origin", async () => {
    const headers = { authorization: "Bearer x", cookie: "a=1", "x-own": "1" };
    const elsewhere = await echo({ url: to("https://other.example.com/echo"), headers });
    expect(elsewhere["headers"]).toMatchObject({ "x-own": "1" });
    expect(elsewhere["headers"]).not.toHaveProperty("authorization");
    expect(elsewhere["headers"]).not.toHaveProperty("cookie");
    expect((await echo({ url: to("/echo"), headers }))["headers"]).toMatchObject({ authorization: "Bearer x" });
  });

  test("are checked at every hop", async () => {
    for (const target of ["https://169.254.169.254/", "http://example.com/", "https://localhost/", "file:///etc"]) {
      expect((await send({ url: to(target) })).error?.code).toBe("EGRESS_REFUSED");
    }
    const narrow: Grants = { http: { hosts: ["api.example.com"] } };
    expect((await send({ url: to("https://other.example.com/echo") }, narrow)).error?.code).toBe("GRANT_MISSING");
  });

  test("end: five at most, and none where the plugin wants none", async () => {
    let url = "https://api.example.com/echo";
    for (let hop = 0; hop < 6; hop++) url = to(url);
    expect((await send({ url })).error).toMatchObject({ code: "UPSTREAM_REFUSED" });
    expect(await send({ url, redirect: "manual" })).toMatchObject({ value: { status: 302, redirects: 0 } });
    expect((await send({ url, redirect: "error" })).error).toMatchObject({ code: "UPSTREAM_REFUSED" });
  });
});

describe("where a name leads", () => {
  test.each([
    ["private.example.com", "EGRESS_REFUSED", "resolves to 10.0.0.7"],
    ["mixed.example.com", "EGRESS_REFUSED", "resolves to 127.0.0.1"],
    ["mapped.example.com", "EGRESS_REFUSED", "resolves to ::ffff:10.0.0.7"],
    ["local6.example.com", "EGRESS_REFUSED", "resolves to fd00::1"],
    ["unresolved.example.com", "UPSTREAM_UNREACHABLE", "could not be reached"],
    ["gone.example.com", "UPSTREAM_UNREACHABLE", "could not be reached"],
  ])("%s: %s", async (host, code, message) => {
    const { error } = await send({ url: `https://${host}/echo` });
    expect(error).toMatchObject({ code, message: expect.stringContaining(message) as string });
  });
});

describe("caps", () => {
  const bytes = (count: number): object => ({ url: `https://api.example.com/bytes?count=${count}` });

  test("of what is received", async () => {
    const narrow: Grants = { http: { quotas: { responseBytes: 1_000 } } };
    expect(await send(bytes(1_000), narrow)).toMatchObject({ value: { status: 200 } });
    expect((await send(bytes(1_001), narrow)).error).toMatchObject({
      code: "CAPABILITY_QUOTA_EXCEEDED",
      message: expect.stringContaining("http.responseBytes") as string,
    });
  });

  test("of what is sent", async () => {
    const narrow: Grants = { http: { quotas: { requestBytes: 4 } } };
    const input = JSON.stringify({ url: "https://api.example.com/echo", method: "POST" });
    const outcome = await guest.call("post", { input }, narrow);
    expect(outcome.output).toEqual(new Uint8Array(0));
  });

  test("of how many, redirects included", async () => {
    const narrow: Grants = { http: { quotas: { requests: 1 } } };
    const url = "https://api.example.com/redirect?to=/echo";
    expect((await send({ url }, narrow)).error?.code).toBe("CAPABILITY_QUOTA_EXCEEDED");
  });

  test("of time: the call ends at its deadline, and the isolate lives on", async () => {
    const input = JSON.stringify({ url: "https://api.example.com/never" });
    const outcome = await guest.call("send", { input, limits: { wallClock: 60 } }, ANY);
    expect(outcome.failure?.code ?? (JSON.parse(text(outcome.output) ?? "") as Answer).error?.code).toMatch(
      /^(WALL_CLOCK_EXCEEDED|UPSTREAM_TIMED_OUT)$/,
    );
    expect(await send({ url: "https://api.example.com/echo" })).toHaveProperty("value");
  });
});

describe("Extism's http_request", () => {
  const request = (target: string, more: object = {}): string => JSON.stringify({ url: target, ...more });

  test("answers the body, status and headers of an unmodified plugin", async () => {
    const url = "https://api.example.com/echo";
    const sent = await guest.call(
      "request",
      { input: request(url, { method: "POST", header: { "x-own": "1" } }) },
      ANY,
    );
    expect(JSON.parse(text(sent.output) ?? "")).toMatchObject({
      method: "POST",
      body: "hello",
      headers: { "x-own": "1" },
    });
    const headers = await guest.call("request_headers", { input: request("https://api.example.com/headers") }, ANY);
    expect(JSON.parse(text(headers.output) ?? "")).toMatchObject({ "x-kind": "one, two" });
    const status = await guest.call(
      "request_status",
      { input: request("https://api.example.com/status?code=404") },
      ANY,
    );
    expect(status.failure?.exitCode).toBe(404);
  });

  test.each([
    ["https://10.0.0.1/", ANY, "EGRESS_REFUSED"],
    ["https://api.example.com/", {}, "GRANT_MISSING"],
    ["https://gone.example.com/", ANY, "UPSTREAM_UNREACHABLE"],
  ])("ends the call where it cannot be answered: %s", async (url, grants, code) => {
    const outcome = await guest.call("request", { input: request(url) }, grants);
    expect(outcome.failure?.code).toBe(code);
  });

  test("with what is no request is the plugin's error", async () => {
    expect((await guest.call("request", { input: "{" }, ANY)).failure?.code).toBe("PLUGIN_ERROR");
  });
});

test("nothing of the corpus leaves the worker", async () => {
  const sent: string[] = [];
  const deps = createDeps(env, { waitUntil: () => undefined }, { now: () => NOW }, createResident());
  const egress = {
    privateHosts: new Set<string>(),
    send: (destination: { readonly url: URL }) => {
      sent.push(destination.url.href);
      return Promise.resolve(new Response());
    },
  };
  const grants: Grants = { http: { quotas: { requests: 100 } } };
  const { context, limits } = sandboxCall("send");
  const ledger = new CallLedger();
  const streams = new BufferedStreams(new Uint8Array(), limits);
  const bridge = new CallBridge({
    context,
    grants,
    services: { ...deps.capabilities, egress },
    reach: REACH,
    ledger,
    streams,
  });
  for (const url of Object.values(SSRF_CORPUS).flat()) {
    const request = new TextEncoder().encode(JSON.stringify({ url }));
    const { answer } = await bridge.call({ name: "http_send", request, body: undefined });
    expect({ url, answer: new TextDecoder().decode(answer) }).toEqual({
      url,
      answer: expect.stringMatching(/^\{"error"/) as string,
    });
  }
  expect(sent).toEqual([]);
});
