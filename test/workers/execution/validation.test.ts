import { beforeAll, describe, expect, test } from "vitest";
import type { Snapshot } from "../../../worker/execution/snapshot.ts";
import { callGuest } from "../recording/recorded-calls.ts";
import { installGuests } from "./guest-installs.ts";

/** Inputs and outputs that are held against the manifest, on a guest that answers what it is given. */

const schema = { type: "object", properties: { name: { type: "string" } }, required: ["name"] };
const functions = { run: { input: { schema }, output: { schema } } };
let snapshot: Snapshot;

beforeAll(async () => {
  const modes = ["input", "output", "both"] as const;
  const checked = modes.map((mode) => ({ guest: "echo", pluginId: mode, validation: { mode, functions } }));
  snapshot = await installGuests("validated", [{ guest: "echo", pluginId: "off" }, ...checked]);
});

async function call(pluginId: string, input: string) {
  return await callGuest(snapshot, { pluginId, functionName: "run", input });
}

describe("a call whose payloads are checked", () => {
  test("passes where they fit", async () => {
    for (const pluginId of ["off", "input", "output", "both"]) {
      const { outcome } = await call(pluginId, '{"name":"Ada"}');
      expect(outcome.failure).toBeUndefined();
      expect(new TextDecoder().decode(outcome.output)).toBe('{"name":"Ada"}');
    }
  });

  test.each(["input", "both"])("is refused before the plugin runs where the input does not (%s)", async (pluginId) => {
    const { outcome, record } = await call(pluginId, '{"name":5}');
    expect(outcome.failure).toEqual({
      code: "INPUT_INVALID",
      detail: "The input does not fit: /name must be string; found a number (type).",
      issues: [{ path: "/name", message: "must be string; found a number (type)" }],
    });
    expect(record).toMatchObject({ errorCode: "INPUT_INVALID", fuel: 0, inputBytes: 10 });
  });

  test("fails where the output does not, as the plugin's fault", async () => {
    const { outcome, record } = await call("output", '{"names":[]}');
    expect(outcome).toMatchObject({
      output: undefined,
      failure: {
        code: "OUTPUT_INVALID",
        detail: "The output does not fit: /name is required (required).",
        issues: [{ path: "/name", message: "is required (required)" }],
      },
    });
    expect(record.fuel).toBeGreaterThan(0);
  });

  test("is like any other where nothing asks for it", async () => {
    expect((await call("off", "no JSON")).outcome.failure).toBeUndefined();
  });
});
