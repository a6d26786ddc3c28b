import { createPlugin } from "@extism/extism";
import { describe, expect, test } from "vitest";
import { guestBytes } from "../../support/guests/provided-guests.ts";

/** The same package on the reference host: what it answers there, ours answers in test/workers/sandbox/linked-modules.test.ts. */

async function answerOf(name: string, input: string): Promise<number[]> {
  const guests = { main: "linked-main", lib: "linked-lib", clock: "linked-still" };
  const wasm = Object.entries(guests).map(([module, guest]) => ({ name: module, data: guestBytes(guest) }));
  const plugin = await createPlugin({ wasm }, { useWasi: true });
  try {
    return [...((await plugin.call(name, input))?.bytes() ?? [])];
  } finally {
    await plugin.close();
  }
}

describe("modules linked by the reference host", () => {
  test.each([
    { name: "run", input: "", output: [42] },
    { name: "started", input: "", output: [10] },
    { name: "answer", input: "", output: [33] },
    { name: "throw_caught", input: "", output: [7] },
    { name: "volley", input: "x".repeat(100), output: [66] },
    { name: "volley", input: "x".repeat(101), output: [33] },
    { name: "random", input: "", output: [] },
  ])("$name $input.length", async ({ name, input, output }) => {
    expect(await answerOf(name, input)).toEqual(output);
  });

  test.each([
    { name: "trap", message: "divide by zero" },
    { name: "fail", message: "!" },
  ])("$name fails there too", async ({ name, message }) => {
    await expect(answerOf(name, "")).rejects.toThrow(message);
  });
});
