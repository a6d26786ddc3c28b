import { describe, expect, test } from "vitest";
import {
  CAPABILITIES,
  CAPABILITY_NAMES,
  capabilityNamed,
  type Capability,
} from "../../../sdk/contract/capabilities.ts";
import { ERRORS } from "../../../sdk/contract/errors.ts";
import { coversHost, quotaOf, type Grant, type Grants } from "../../../sdk/contract/grants.ts";
import { coversTopic } from "../../../sdk/contract/topics.ts";
import { parseManifest, type Manifest } from "../../../sdk/contract/manifest.ts";
import { asksOf, changesTo, effectiveGrants, grantIssues } from "../../../worker/control/grants/rules.ts";
import { GrantsInput } from "../../../worker/control/grants/schema.ts";
import { safeParse } from "valibot";

function manifest(asked: object): Manifest {
  return parseManifest({
    id: "acme.echo",
    name: "Echo",
    version: "1.0.0",
    description: "Says what it hears.",
    author: { name: "Acme" },
    type: "utility",
    category: "text",
    ...asked,
  });
}

describe("names", () => {
  test.each([
    ["network", "http"],
    ["http", "http"],
    ["filesystem", "files"],
    ["files", "files"],
    ["kv", "storage"],
    ["storage", "storage"],
    ["db", "database"],
    ["sql", "database"],
    ["bus", "events"],
    ["metrics", "analytics"],
  ] as const)("%s in manifest and request is %s", (name, capability) => {
    expect(Object.keys(asksOf(manifest({ permissions: [name] })))).toEqual([capability]);
    expect(safeParse(GrantsInput, { [name]: {} }).output).toEqual({ [capability]: {} });
  });

  test("each is of one capability only", () => {
    const all = CAPABILITY_NAMES.flatMap((name) => [name, ...CAPABILITIES[name].aliases]);
    expect(new Set(all).size).toBe(all.length);
    for (const name of CAPABILITY_NAMES) {
      for (const alias of CAPABILITIES[name].aliases) expect(capabilityNamed(alias)).toBe(name);
    }
  });

  test.each<[string, unknown, string]>([
    ["two names of one", { http: {}, network: {} }, "is another name of http, which is there too"],
    ["an unknown one", { telepathy: {} }, 'is not a capability: "telepathy"'],
    ["an unknown field", { http: { ports: [] } }, "is not a known field"],
    ["a host that is none", { http: { hosts: ["https://a.example"] } }, "must be a lower-case host name"],
    ["a host twice", { http: { hosts: ["a.example", "a.example"] } }, 'repeats "a.example"'],
    ["a negative quota", { http: { quotas: { requests: -1 } } }, "must be 0 or more"],
    ["a broken quota", { http: { quotas: { requests: 1.5 } } }, "must be a whole number"],
  ])("%s is refused", (_case, input, message) => {
    expect(safeParse(GrantsInput, input).issues?.[0].message).toContain(message);
  });
});

test.each<[string, string, boolean]>([
  ["a.example", "a.example", true],
  ["*.a.example", "b.a.example", true],
  ["*.a.example", "c.b.a.example", true],
  ["*.a.example", "*.b.a.example", true],
  ["*.a.example", "*.a.example", true],
  ["*.a.example", "a.example", false],
  ["*.a.example", "ba.example", false],
  ["*.b.a.example", "*.a.example", false],
  ["a.example", "*.a.example", false],
  ["a.example", "a.example:8443", false],
  ["a.example:8443", "a.example", false],
  ["*.a.example:8443", "b.a.example:8443", true],
])("host %s covers %s: %s", (pattern, other, expected) => {
  expect(coversHost(pattern, other)).toBe(expected);
});

test.each<[string, string, boolean]>([
  ["orders.created", "orders.created", true],
  ["orders.*", "orders.created", true],
  ["orders.*", "orders.*", true],
  ["orders.*", "orders", false],
  ["orders.*", "orders.eu.created", true],
  ["orders.*", "ordersx.created", false],
  ["orders.created", "orders.*", false],
])("topic %s covers %s: %s", (pattern, other, expected) => {
  expect(coversTopic(pattern, other)).toBe(expected);
});

const ASKS: Grants = {
  http: { hosts: ["api.example.com", "*.example.org"], quotas: { requests: 50 } },
  webhooks: {},
  events: { topics: ["orders.*"] },
  services: { services: ["mail.send"] },
  storage: {},
};

test("what a manifest asks for has the form of grants", () => {
  const asked = manifest({
    permissions: [
      { capability: "network", hosts: ["api.example.com"], quotas: { requests: 5 } },
      "webhooks",
      "events",
      "services",
      "storage",
    ],
    events: { publishes: ["orders.created"] },
    services: { requires: [{ name: "mail.send" }] },
  });
  expect(asksOf(asked)).toEqual({
    http: { hosts: ["api.example.com"], quotas: { requests: 5 } },
    webhooks: {},
    events: { topics: ["orders.created"] },
    services: { services: ["mail.send"] },
    storage: {},
  });
});

describe("a grant may only narrow what is asked", () => {
  test.each<[string, Grants]>([
    ["nothing", {}],
    ["all as asked", { http: {}, webhooks: {}, events: {}, services: {}, storage: {} }],
    ["one host of a list", { http: { hosts: ["api.example.com"] } }],
    ["a host under a wildcard", { http: { hosts: ["a.b.example.org"] } }],
    ["a narrower wildcard", { http: { hosts: ["*.b.example.org"] } }],
    ["no host at all", { http: { hosts: [] } }],
    ["any host where none is named", { webhooks: { hosts: ["*.anywhere.test"] } }],
    ["a topic under a wildcard", { events: { topics: ["orders.created"] } }],
    ["a quota of zero", { http: { quotas: { requests: 0 } } }],
    ["a quota above what is asked, up to the maximum", { http: { quotas: { requests: 100 } } }],
  ])("%s is fine", (_case, wanted) => {
    expect(grantIssues(ASKS, wanted)).toEqual([]);
  });

  test.each<[string, Grants, string, string]>([
    [
      "a capability that is not asked for",
      { crypto: {} },
      "/grants/crypto",
      "is not asked for by the manifest, which asks for http, storage, events, webhooks, services",
    ],
    [
      "another host",
      { http: { hosts: ["api.example.com", "evil.test"] } },
      "/grants/http/hosts/1",
      "must be within what the manifest asks for (api.example.com, *.example.org), found evil.test",
    ],
    ["a wider wildcard", { http: { hosts: ["*.org"] } }, "/grants/http/hosts/0", "found *.org"],
    ["the wildcard's own domain", { http: { hosts: ["example.org"] } }, "/grants/http/hosts/0", "found example.org"],
    ["another port", { http: { hosts: ["api.example.com:8080"] } }, "/grants/http/hosts/0", "found api.example"],
    ["another topic", { events: { topics: ["users.created"] } }, "/grants/events/topics/0", "found users.created"],
    ["another service", { services: { services: ["mail.read"] } }, "/grants/services/services/0", "found mail.read"],
    ["hosts of a capability without hosts", { storage: { hosts: ["a.test"] } }, "/grants/storage/hosts", "not narrow"],
    ["topics of http", { http: { topics: ["orders.created"] } }, "/grants/http/topics", "does not narrow http"],
    [
      "a quota over the maximum",
      { http: { quotas: { requests: 101 } } },
      "/grants/http/quotas/requests",
      "must be at most 100 calls, found 101",
    ],
    [
      "a quota that there is not",
      { http: { quotas: { toString: 1 } } },
      "/grants/http/quotas/toString",
      "is not a quota of http; there are requests, requestBytes, responseBytes",
    ],
  ])("%s is not", (_case, wanted, path, message) => {
    const issues = grantIssues(ASKS, wanted);
    expect(issues).toHaveLength(1);
    expect(issues[0]?.path).toBe(path);
    expect(issues[0]?.message).toContain(message);
  });
});

describe("what is in force", () => {
  const record = (capability: Capability, asked: Grant, granted: Grant) => ({ capability, asked, granted });

  test.each<[string, Grant, Grant, Grant, Grant]>([
    // asked when granted, granted, asked now, expected
    ["as asked", { hosts: ["a.test"] }, {}, { hosts: ["a.test"] }, { hosts: ["a.test"] }],
    ["any host", {}, {}, {}, {}],
    [
      "narrowed",
      { hosts: ["a.test", "b.test"] },
      { hosts: ["a.test"] },
      { hosts: ["a.test", "b.test"] },
      { hosts: ["a.test"] },
    ],
    ["more asked now is not given", { hosts: ["a.test"] }, {}, { hosts: ["a.test", "b.test"] }, { hosts: ["a.test"] }],
    ["any host asked now is not given", { hosts: ["a.test"] }, {}, {}, { hosts: ["a.test"] }],
    ["less asked now is taken away", {}, {}, { hosts: ["a.test"] }, { hosts: ["a.test"] }],
    ["a wildcard meets a host", { hosts: ["*.a.test"] }, {}, { hosts: ["b.a.test"] }, { hosts: ["b.a.test"] }],
    ["a host meets a wildcard", { hosts: ["b.a.test"] }, {}, { hosts: ["*.a.test"] }, { hosts: ["b.a.test"] }],
    ["nothing in common is nothing, not anything", { hosts: ["a.test"] }, {}, { hosts: ["b.test"] }, { hosts: [] }],
    ["a quota as asked", { quotas: { requests: 50 } }, {}, { quotas: { requests: 50 } }, { quotas: { requests: 50 } }],
    [
      "a quota narrowed",
      { quotas: { requests: 50 } },
      { quotas: { requests: 0 } },
      { quotas: { requests: 50 } },
      { quotas: { requests: 0 } },
    ],
    ["a quota raised by the admin", {}, { quotas: { requests: 70 } }, {}, { quotas: { requests: 70 } }],
    ["a quota raised by a version", {}, {}, { quotas: { requests: 70 } }, {}],
    ["a quota lowered by a version", { quotas: { requests: 70 } }, {}, {}, {}],
    ["a quota never over the maximum", {}, { quotas: { requests: 1e9 } }, {}, { quotas: { requests: 100 } }],
  ])("%s", (_case, asked, granted, now, expected) => {
    const { http } = effectiveGrants({ http: now }, [record("http", asked, granted)]);
    expect(http).toEqual(expected);
    expect(quotaOf("http", "requests", http ?? {})).toBe(expected.quotas?.["requests"] ?? 10);
  });

  test("topic filters that only overlap give nothing, never more than either", () => {
    const granted = effectiveGrants({ events: { topics: ["a.*.c"] } }, [record("events", { topics: ["a.b.*"] }, {})]);
    expect(granted).toEqual({ events: { topics: [] } });
  });

  test("a grant of what is asked no longer is none", () => {
    expect(effectiveGrants({ storage: {} }, [record("http", {}, {})])).toEqual({});
  });

  test("what is asked and not granted is not there", () => {
    expect(effectiveGrants(ASKS, [])).toEqual({});
  });
});

describe("changes", () => {
  const http = {
    id: "g1",
    capability: "http",
    version: "1.0.0",
    asked: ASKS.http ?? {},
    granted: { hosts: ["api.example.com", "a.example.org"] },
    grantedBy: "ann",
    grantedAt: 1,
  } as const;

  test("the same grant in another order stays", () => {
    const wanted = { http: { hosts: ["a.example.org", "api.example.com"] } };
    expect(changesTo([http], ASKS, wanted)).toEqual({ ended: [], begun: [] });
  });

  test("what is left out ends, what is new begins, what differs is replaced", () => {
    expect(changesTo([http], ASKS, {})).toEqual({ ended: [http], begun: [] });
    expect(changesTo([http], ASKS, { http: {}, storage: {} })).toEqual({
      ended: [http],
      begun: [
        { capability: "http", asked: ASKS.http, granted: {} },
        { capability: "storage", asked: {}, granted: {} },
      ],
    });
  });
});

test.each([
  "GRANT_MISSING",
  "CAPABILITY_QUOTA_EXCEEDED",
  "CONSENT_REQUIRED",
  "PERMISSION_DENIED",
  "QUOTA_EXCEEDED",
] as const)("%s is the caller's to settle and never counts against the plugin", (code) => {
  expect(ERRORS[code]).toMatchObject({ blame: "caller", trips: false });
});
