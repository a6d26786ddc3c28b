import { describe, expect, test } from "vitest";
import {
  decideDelivery,
  DELIVERY_ATTEMPTS,
  DELIVERY_LEASE_MS,
  INBOX_RETENTION_MS,
  type DeliveryDecision,
  type KnownDelivery,
} from "../../../durable-objects/message-inbox/rules.ts";
import type { ErrorCode } from "../../../sdk/contract/errors.ts";
import { DEFAULT_LIMITS } from "../../../sdk/contract/limits.ts";
import { afterFailure, backoff } from "../../../worker/control/deliveries/rules.ts";
import {
  batchesOf,
  deliveriesOf,
  envelopeOf,
  mayPublish,
  MESSAGE_LIMITS,
  sizeOf,
  subscribersOf,
  type Delivery,
  type NewMessage,
} from "../../../worker/execution/bus/rules.ts";
import type { Snapshot, SnapshotInstall, SnapshotTopics } from "../../../worker/execution/snapshot.ts";

function install(
  pluginId: string,
  topics?: SnapshotTopics,
  state: SnapshotInstall["state"] = "active",
): SnapshotInstall {
  return {
    installId: `install-${pluginId}`,
    pluginId,
    version: "1.0.0",
    state,
    rewrittenDigest: "",
    rewriterVersion: "1",
    moduleBytes: 1,
    functions: ["run"],
    defaultFunction: "run",
    suspends: false,
    limits: DEFAULT_LIMITS,
    config: {},
    grants: {},
    ...(topics ? { topics } : {}),
  };
}

function snapshot(...installs: SnapshotInstall[]): Snapshot {
  return {
    format: 1,
    tenantId: "acme",
    status: "active",
    revision: 1,
    compiledAt: 0,
    installs: Object.fromEntries(installs.map((entry) => [entry.pluginId, entry])),
    keys: {},
    members: {},
  };
}

const subscribes = (...filters: [string, string][]): SnapshotTopics => ({
  publishes: [],
  subscribes: filters.map(([filter, functionName]) => ({ filter, functionName })),
});

const MESSAGE: NewMessage & { id: string } = {
  id: "message-1",
  topic: "orders.created",
  data: { total: 3 },
  source: { kind: "subject", id: "user-1" },
  traceId: "t",
};

describe("who gets a message", () => {
  test.each<[string, SnapshotInstall[], string[]]>([
    ["nobody", [install("a"), install("b", subscribes(["other", "run"]))], []],
    [
      "two plugins",
      [install("a", subscribes(["orders.*", "run"])), install("b", subscribes(["orders.created", "run"]))],
      ["a run", "b run"],
    ],
    [
      "a function once, though two filters match",
      [install("a", subscribes(["orders.*", "run"], ["orders.created", "run"]))],
      ["a run"],
    ],
    [
      "two functions of a plugin",
      [install("a", subscribes(["orders.*", "run"], ["orders.created", "note"]))],
      ["a run", "a note"],
    ],
    [
      "only active installs",
      [
        install("a", subscribes(["orders.*", "run"]), "inactive"),
        install("b", subscribes(["orders.*", "run"]), "quarantined"),
      ],
      [],
    ],
  ])("%s", (_name, installs, expected) => {
    const found = subscribersOf(snapshot(...installs), "orders.created");
    expect(found.map(({ pluginId, functionName }) => `${pluginId} ${functionName}`)).toEqual(expected);
  });

  test("one delivery of all stands for the message in counts; without a subscriber, a note does", () => {
    const two = snapshot(install("a", subscribes(["orders.*", "run"])), install("b", subscribes(["orders.*", "run"])));
    expect(deliveriesOf(two, MESSAGE, 5)).toMatchObject([
      { kind: "delivery", installId: "install-a", counts: true, hops: 0, publishedAt: 5, tenantId: "acme" },
      { kind: "delivery", installId: "install-b", counts: false },
    ]);
    expect(deliveriesOf(snapshot(), MESSAGE, 5)).toEqual([
      { kind: "unrouted", tenantId: "acme", topic: "orders.created", publishedAt: 5 },
    ]);
  });
});

describe("limits of a message", () => {
  const quoted = (bytes: number): string => "ü".repeat((bytes - 2) / 2);

  test("data may have 64 KiB as JSON in UTF-8, and not a byte more", () => {
    expect(sizeOf(quoted(MESSAGE_LIMITS.dataBytes))).toBe(65_536);
    expect(deliveriesOf(snapshot(), { ...MESSAGE, data: quoted(65_536) }, 0)).toHaveLength(1);
    expect(() => deliveriesOf(snapshot(), { ...MESSAGE, data: quoted(65_538) }, 0)).toThrow(
      "The data has 65538 bytes as JSON; 65536 are allowed.",
    );
  });

  test("messages that cause one another come to an end", () => {
    expect(deliveriesOf(snapshot(), { ...MESSAGE, hops: MESSAGE_LIMITS.hops }, 0)).toHaveLength(1);
    expect(() => deliveriesOf(snapshot(), { ...MESSAGE, hops: MESSAGE_LIMITS.hops + 1 }, 0)).toThrow(
      'The message to "orders.created" is number 9 in a row of messages that caused one another; 8 are allowed.',
    );
  });

  test("batches hold what a queue takes, in order, and lose nothing", () => {
    const messages = [40, 50, 10, 90, 5, 5, 5, 200].map((length) => "x".repeat(length - 2));
    expect(batchesOf(messages, { count: 3, bytes: 100 }).map((batch) => batch.map(sizeOf))).toEqual([
      [40, 50, 10],
      [90, 5, 5],
      [5],
      [200],
    ]);
    expect(batchesOf([], { count: 3, bytes: 100 })).toEqual([]);
  });
});

test("a plugin may publish where its manifest says, unless its grant narrows that", () => {
  const asked = install("a", { publishes: ["orders.*"], subscribes: [] });
  const narrowed = { ...asked, grants: { events: { topics: ["orders.created", "invoices.*"] } } };
  expect(
    ["orders.created", "orders.eu.created", "invoices.paid", "orders"].map((topic) => mayPublish(asked, topic)),
  ).toEqual([true, true, false, false]);
  expect(["orders.created", "orders.deleted", "invoices.paid"].map((topic) => mayPublish(narrowed, topic))).toEqual([
    true,
    false,
    false,
  ]);
  expect(mayPublish(install("b"), "orders.created")).toBe(false);
});

test("the subscriber's input", () => {
  const delivery = {
    ...MESSAGE,
    kind: "delivery",
    tenantId: "acme",
    messageId: "message-1",
    hops: 2,
    publishedAt: Date.UTC(2026, 0, 1),
    installId: "i",
    pluginId: "p",
    functionName: "run",
    counts: true,
  } satisfies Delivery & { id: string };
  expect(JSON.parse(new TextDecoder().decode(envelopeOf(delivery, 3)))).toEqual({
    id: "message-1",
    topic: "orders.created",
    data: { total: 3 },
    source: { kind: "subject", id: "user-1" },
    publishedAt: "2026-01-01T00:00:00.000Z",
    attempt: 3,
    hops: 2,
  });
});

describe("backoff", () => {
  test.each([
    [1, 0, 5],
    [2, 0, 10],
    [3, 0, 20],
    [4, 0, 40],
    [20, 0, 300],
    [1, 1, 4],
    [4, 0.5, 35],
    [20, 1, 225],
  ])("after attempt %i, with random %d: %i s", (attempt, random, seconds) => {
    expect(backoff(attempt, random)).toBe(seconds);
  });

  test.each<[ErrorCode, number, string]>([
    ["PLUGIN_ERROR", 1, "retry"],
    ["FUEL_EXHAUSTED", DELIVERY_ATTEMPTS - 1, "retry"],
    ["PLUGIN_ERROR", DELIVERY_ATTEMPTS, "dead-letter"],
    ["PLUGIN_INACTIVE", 1, "retry"],
    ["INSTALL_NOT_FOUND", 1, "dead-letter"],
    ["FUNCTION_NOT_FOUND", 1, "dead-letter"],
    ["ISOLATE_UNAVAILABLE", DELIVERY_ATTEMPTS, "retry-uncounted"],
    ["SNAPSHOT_UNAVAILABLE", 1, "retry-uncounted"],
  ])("after %s in attempt %i: %s", (code, attempt, next) => {
    expect(afterFailure(code, attempt, 0).next).toBe(next);
  });
});

describe("a message that arrives at an inbox", () => {
  const NOW = 1_000_000_000_000;
  const known = (state: KnownDelivery["state"], attempts: number, ago: number): KnownDelivery => ({
    state,
    attempts,
    changedAt: NOW - ago,
  });

  test.each<[string, KnownDelivery | undefined, DeliveryDecision]>([
    ["is new", undefined, { decision: "run", attempt: 1 }],
    ["failed before", known("waiting", 2, 5_000), { decision: "run", attempt: 3 }],
    ["runs elsewhere", known("running", 1, 20_000), { decision: "busy", waitMs: DELIVERY_LEASE_MS - 20_000 }],
    ["was cut off", known("running", 1, DELIVERY_LEASE_MS), { decision: "run", attempt: 2 }],
    [
      "was cut off every time",
      known("running", DELIVERY_ATTEMPTS, DELIVERY_LEASE_MS),
      { decision: "exhausted", attempts: 5 },
    ],
    ["is done", known("done", 1, INBOX_RETENTION_MS - 1), { decision: "done" }],
    ["is done, but that was a day ago", known("done", 1, INBOX_RETENTION_MS), { decision: "run", attempt: 1 }],
  ])("%s", (_name, state, decision) => {
    expect(decideDelivery(state, NOW)).toEqual(decision);
  });
});
