import { evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import { healthOf } from "../../../durable-objects/plugin-health/client.ts";

test("callers that saw the same isolate fail agree on its replacement, which outlives the object's memory", async () => {
  const health = healthOf(env.PLUGIN_HEALTH, "install-a");
  expect(await Promise.all([health.replaceGeneration(0), health.replaceGeneration(0)])).toEqual([1, 1]);
  await evictDurableObject(health);
  expect(await health.replaceGeneration(0)).toBe(1);
  expect(await health.replaceGeneration(1)).toBe(2);
  expect(await healthOf(env.PLUGIN_HEALTH, "install-b").replaceGeneration(0)).toBe(1);
});
