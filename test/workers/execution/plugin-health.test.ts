import { evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import { healthOf } from "../../../durable-objects/plugin-health/client.ts";

test("callers that saw the same isolate fail agree on its replacement, which outlives the object's memory", async () => {
  const health = healthOf(env.PLUGIN_HEALTH, "install-a");
  const answers = await Promise.all(Array.from({ length: 10 }, () => health.replaceGeneration(0)));
  expect(answers).toEqual(answers.map(() => ({ generation: 1 })));
  await evictDurableObject(health);
  expect(await health.replaceGeneration(0)).toEqual({ generation: 1 });
  expect(await health.replaceGeneration(1)).toEqual({ generation: 2 });
  expect(await healthOf(env.PLUGIN_HEALTH, "install-b").replaceGeneration(0)).toEqual({ generation: 1 });
});

test("an isolate that is killed again and again is not replaced without end", async () => {
  const health = healthOf(env.PLUGIN_HEALTH, "install-c");
  for (let failed = 0; failed < 3; failed++) await health.replaceGeneration(failed);
  await evictDurableObject(health);
  expect(await health.replaceGeneration(3)).toEqual({ refusedUntil: expect.any(Number) });
  expect(await health.replaceGeneration(0)).toEqual({ generation: 3 });
});
