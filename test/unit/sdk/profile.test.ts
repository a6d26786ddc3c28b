import { expect, test } from "vitest";
import { flameGraphPage } from "../../../sdk/profile/flame-graph.ts";
import { createHost } from "../../../sdk/testing/host.ts";
import { guestBytes } from "../../support/guests/provided-guests.ts";

/** `patchbay profile`: the platform's profiler in Node. */

test("a profiled call ends as a plain one, and its profile holds all of its fuel", async () => {
  const host = await createHost({ plugin: guestBytes("count-vowels") });
  const plain = await host.call("run", "hello world");
  const { call, profile } = await host.profile("run", "hello world");
  expect(call.text()).toBe(plain.text());
  expect(call.fuel).toBe(plain.fuel);
  expect(profile.fuel).toBe(plain.fuel);
  expect(profile.functions.reduce((sum, { self }) => sum + self, 0) + profile.tree.self).toBe(plain.fuel);
  expect(profile.functions.map(({ name }) => name)).toContain("[kernel] output_set");
  expect(profile.speedscope).toMatchObject({ profiles: [{ endValue: plain.fuel, unit: "none" }] });
});

test("a call that fails has a profile too", async () => {
  const host = await createHost({ plugin: guestBytes("loop"), limits: { fuel: 1_000_000 } });
  const { call, profile } = await host.profile("run");
  expect(call.failure?.code).toBe("FUEL_EXHAUSTED");
  expect(profile.fuel).toBeGreaterThan(0);
});

test("a flame graph is a page of its own, in which names are text", () => {
  const leaf = { name: "<script>alert(1)</script>", index: 1, self: 60, total: 60, calls: 2, children: [] };
  const thin = { name: "thin", index: 2, self: 0.01, total: 0.01, calls: 1, children: [] };
  const tree = { name: "[call]", index: null, self: 40, total: 100, calls: 1, children: [leaf, thin] };
  const page = flameGraphPage({ fuel: 100, truncated: false, functions: [], tree, speedscope: {} }, "acme & sons");
  expect(page).toContain("<title>acme &amp; sons</title>");
  expect(page).toContain("&lt;script&gt;alert(1)&lt;/script&gt;: 60 (60.0 %), itself 60, 2 calls");
  expect(page).not.toContain("<script>alert");
  expect(page).toContain('<rect x="0.00" y="18" width="720.00"');
  expect(page).not.toContain("thin");
  expect(page).not.toMatch(/(src|href)=/);
});
