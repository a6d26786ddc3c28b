import { describe, expect, test } from "vitest";
import type { Capability } from "../../../sdk/contract/capabilities.ts";
import type { Addition, Grants } from "../../../sdk/contract/grants.ts";
import {
  additionsOf,
  consentRequired,
  grantsAfterConsent,
  grantsCarriedOver,
} from "../../../worker/control/grants/consent-rules.ts";

describe("what a version asks for beyond another", () => {
  test.each<[string, Grants, Grants, Addition[]]>([
    ["nothing", { storage: {} }, { storage: {} }, []],
    ["less", { storage: {}, http: {} }, { storage: {} }, []],
    ["a capability", {}, { storage: {} }, [{ capability: "storage", isNew: true }]],
    [
      "a capability with all it asks",
      {},
      { http: { hosts: ["a.test"], quotas: { requests: 50 } } },
      [{ capability: "http", isNew: true, hosts: ["a.test"], quotas: { requests: 50 } }],
    ],
    ["any host, in a new capability", {}, { http: {} }, [{ capability: "http", isNew: true, anyHost: true }]],
    [
      "a host",
      { http: { hosts: ["a.test"] } },
      { http: { hosts: ["a.test", "b.test"] } },
      [{ capability: "http", isNew: false, hosts: ["b.test"] }],
    ],
    ["a host under a wildcard it has", { http: { hosts: ["*.a.test"] } }, { http: { hosts: ["b.a.test"] } }, []],
    [
      "a wildcard over a host it has",
      { http: { hosts: ["b.a.test"] } },
      { http: { hosts: ["*.a.test"] } },
      [{ capability: "http", isNew: false, hosts: ["*.a.test"] }],
    ],
    ["hosts where it had any", { http: {} }, { http: { hosts: ["a.test"] } }, []],
    [
      "any host where it had some",
      { http: { hosts: ["a.test"] } },
      { http: {} },
      [{ capability: "http", isNew: false, anyHost: true }],
    ],
    [
      "a topic and a service",
      { events: { topics: [] }, services: { services: ["mail.send"] } },
      { events: { topics: ["orders.*"] }, services: { services: ["mail.send", "mail.read"] } },
      [
        { capability: "events", isNew: false, topics: ["orders.*"] },
        { capability: "services", isNew: false, services: ["mail.read"] },
      ],
    ],
    [
      "a quota over the default",
      { http: {} },
      { http: { quotas: { requests: 11 } } },
      [{ capability: "http", isNew: false, quotas: { requests: 11 } }],
    ],
    ["a quota under the default", { http: {} }, { http: { quotas: { requests: 9 } } }, []],
    [
      "the default where it had asked for less",
      { http: { quotas: { requests: 5 } } },
      { http: {} },
      [{ capability: "http", isNew: false, quotas: { requests: 10 } }],
    ],
  ])("%s", (_case, before, after, expected) => {
    expect(additionsOf(before, after)).toEqual(expected);
  });
});

function records(grants: Grants) {
  return Object.entries(grants).map(([capability, granted]) => ({
    capability: capability as Capability, // names of the table
    granted,
  }));
}

test.each<[string, Grants, Grants, Grants]>([
  ["as asked stays as asked", { http: {} }, { http: { hosts: ["a.test"] } }, { http: {} }],
  ["what is not asked for is dropped", { http: {}, storage: {} }, { storage: {} }, { storage: {} }],
  [
    "a host that is not asked for is dropped",
    { http: { hosts: ["a.test", "b.test"], quotas: { requests: 1 } } },
    { http: { hosts: ["b.test"] } },
    { http: { hosts: ["b.test"], quotas: { requests: 1 } } },
  ],
])("carried over: %s", (_case, granted, asks, expected) => {
  expect(grantsCarriedOver(records(granted), asks)).toEqual(expected);
});

describe("after consent", () => {
  const before: Grants = { http: { hosts: ["a.test", "b.test"] }, cache: {} };
  const after: Grants = { http: { hosts: ["a.test", "b.test", "c.test"] }, cache: {}, crypto: {} };

  test.each<[string, Grants, Grants]>([
    ["what was granted as asked is granted as asked", { http: {}, cache: {} }, { http: {}, cache: {}, crypto: {} }],
    [
      "the new host joins a narrower grant",
      { http: { hosts: ["a.test"] } },
      { http: { hosts: ["a.test", "c.test"] }, crypto: {} },
    ],
    ["what was refused before stays refused", {}, { crypto: {} }],
    [
      "a quota that an admin chose stays",
      { http: { quotas: { requests: 1 } } },
      { http: { quotas: { requests: 1 } }, crypto: {} },
    ],
  ])("%s", (_case, granted, expected) => {
    expect(grantsAfterConsent(records(granted), additionsOf(before, after), after)).toEqual(expected);
  });

  test("hosts that an admin narrowed stay where any is asked for now", () => {
    const any: Grants = { http: {} };
    const granted = records({ http: { hosts: ["a.test"] } });
    expect(grantsAfterConsent(granted, additionsOf(before, any), any)).toEqual({ http: { hosts: ["a.test"] } });
  });
});

test("the refusal says what is new and where to consent", () => {
  const additions: Addition[] = [
    { capability: "http", isNew: false, hosts: ["c.test"], quotas: { requests: 50 } },
    { capability: "crypto", isNew: true },
  ];
  const error = consentRequired("acme.echo", { from: "1.0.0", to: "2.0.0" }, additions);
  expect(error.code).toBe("CONSENT_REQUIRED");
  expect(error.message).toBe(
    'Version 2.0.0 of "acme.echo" asks for more than 1.0.0: http: c.test, requests up to 50; crypto (new). An admin can consent with POST /acme.echo/permissions/consent.',
  );
  expect(error.members).toEqual({ version: "2.0.0", installedVersion: "1.0.0", additions });
});
