import { describe, expect, test } from "vitest";
import { REUSE_BOUNDS } from "../../../sdk/contract/reuse.ts";
import type { SandboxOutcome } from "../../../sdk/contract/sandbox.ts";
import { openGuest, text, type GuestIsolate } from "../../support/guests/guest-isolate.ts";
import { type CallOptions, NOW } from "../../support/guests/sandbox-call.ts";

/** What an instance that is kept keeps, what it does not, and when it goes. */

const MIB = 1024 * 1024;
const WARM: CallOptions = { keepFor: "install-a@1" };

async function answers(
  isolate: GuestIsolate,
  names: readonly string[],
  options = WARM,
): Promise<(string | undefined)[]> {
  const found: (string | undefined)[] = [];
  for (const name of names) {
    const { failure, output } = await isolate.call(name, options);
    found.push(failure?.code ?? text(output));
  }
  return found;
}

describe("an instance that is kept", () => {
  test("keeps globals and linear memory, and is initialised once; otherwise nothing is kept", async () => {
    expect(await answers(openGuest("tally"), ["run", "run", "run"])).toEqual(["111", "122", "133"]);
    expect(await answers(openGuest("tally"), ["run", "run", "run"], {})).toEqual(["111", "111", "111"]);
  });

  test("says which call of the instance it was", async () => {
    const isolate = openGuest("tally");
    expect((await isolate.call("run", WARM)).instanceCall).toBe(1);
    expect((await isolate.call("run", WARM)).instanceCall).toBe(2);
    expect((await isolate.call("run")).instanceCall).toBeUndefined();
  });

  test("keeps variables, as the reference host does", async () => {
    const isolate = openGuest("vars");
    await isolate.call("run", { ...WARM, input: "remembered" });
    expect(await answers(isolate, ["peek", "peek"])).toEqual(["remembered", "remembered"]);
    expect(await answers(isolate, ["peek"], {})).toEqual(["PLUGIN_ERROR"]);
  });

  test("gets fuel anew for each call, and pays for its initialisation once", async () => {
    const isolate = openGuest("tally");
    const calls = [await isolate.call("run", WARM), await isolate.call("run", WARM), await isolate.call("run", WARM)];
    const [first = 0, second = 0, third] = calls.map(({ usage }) => usage.fuel);
    expect(second).toBeLessThan(first);
    expect(third).toBe(second);
    // A budget that is enough for one call is enough for each.
    const limits = { fuel: first };
    expect(await answers(isolate, ["run", "run"], { ...WARM, limits })).toEqual(["144", "155"]);
  });

  test("has input, output and logs of the call alone", async () => {
    const echo = openGuest("echo");
    for (const input of ["a long secret of the first call", "b", ""]) {
      expect(text((await echo.call("run", { ...WARM, input })).output)).toBe(input);
    }
    const stdio = openGuest("stdio");
    for (const name of ["A", "B"]) {
      const { logs } = await stdio.call("run", { ...WARM, input: name });
      expect(logs.map((line) => line.text).join()).toContain(`hello ${name}`);
      expect(logs.map((line) => line.text).join()).not.toContain(`hello ${name === "A" ? "B" : "A"}`);
    }
  });

  test("is not blamed for memory that an earlier call was refused", async () => {
    expect(await answers(openGuest("tally"), ["refused", "trap"])).toEqual(["111", "PLUGIN_TRAPPED"]);
  });

  test("sees its monotonic clock go on, whatever the time of the call", async () => {
    const isolate = openGuest("tally");
    expect(await answers(isolate, ["time", "time"])).toEqual(["111", "122"]);
    expect(await answers(isolate, ["time"], { ...WARM, now: NOW + 60_000 })).toEqual(["133"]);
    expect(await answers(isolate, ["time"], { ...WARM, now: NOW - 60_000 })).toEqual(["144"]);
  });

  test("is used by one call at a time; of those that overlapped one instance stays", async () => {
    const isolate = openGuest("tally-sleep");
    const overlapping = await Promise.all([1, 2, 3].map(() => isolate.call("run", WARM)));
    expect(overlapping.map(({ output }) => text(output))).toEqual(["1", "1", "1"]);
    const again = await Promise.all([1, 2].map(() => isolate.call("run", WARM)));
    expect(again.map(({ output }) => text(output))).toEqual(["2", "1"]);
    expect(again.map(({ instanceCall }) => instanceCall)).toEqual([2, 1]);
  });
});

describe("an instance is dropped after", () => {
  test.each([
    ["a trap", "trap", "PLUGIN_TRAPPED"],
    ["a code that is not 0", "code", "PLUGIN_ERROR"],
    ["running out of fuel", "loop", "FUEL_EXHAUSTED"],
    ["proc_exit, even with 0", "exit", "122"],
    ["_start", "_start", "122"],
    ["a function that is not there", "nothing", "FUNCTION_NOT_FOUND"],
  ])("%s", async (_what, name, ending) => {
    expect(await answers(openGuest("tally"), ["run", name, "run", "run"])).toEqual(["111", ending, "111", "122"]);
  });

  test("each call of a command, whose exports run its destructors", async () => {
    const calls = ["run", "run"].map(() => WARM);
    const isolate = openGuest("command");
    for (const options of calls) expect((await isolate.call("run", options)).instanceCall).toBe(1);
  });

  test("an input that is refused", async () => {
    const isolate = openGuest("tally");
    await isolate.call("run", WARM);
    const refused = await isolate.call("run", { ...WARM, input: "12345", limits: { input: 4 } });
    expect(refused.failure?.code).toBe("INPUT_TOO_LARGE");
    expect(await answers(isolate, ["run"])).toEqual(["111"]);
  });

  test("a deadline that passed while it waited", async () => {
    const isolate = openGuest("tally-sleep");
    await isolate.call("run", WARM);
    const late = await isolate.call("long", { ...WARM, limits: { wallClock: 60 } });
    expect(late.failure?.code).toBe("WALL_CLOCK_EXCEEDED");
    expect(await answers(isolate, ["run"])).toEqual(["1"]);
  });

  test("growing beyond half of the room that its first call left", async () => {
    const isolate = openGuest("tally", { memory: 8 * MIB });
    const names = Array.from({ length: 6 }, () => "grow");
    expect(await answers(isolate, names)).toEqual(["111", "122", "133", "144", "155", "111"]);
  });

  test("so many calls", async () => {
    const isolate = openGuest("greet");
    let last: SandboxOutcome | undefined;
    for (let call = 0; call <= REUSE_BOUNDS.calls; call++) last = await isolate.call("run", { ...WARM, input: "x" });
    expect(last?.instanceCall).toBe(1);
  });
});

describe("an instance is kept from", () => {
  test.each<[string, CallOptions]>([
    ["another install", { keepFor: "install-b@1" }],
    ["another revision of the install", { keepFor: "install-a@2" }],
    ["another configuration", { keepFor: "install-a@1", config: { key: "value" } }],
    ["calls that keep nothing", {}],
  ])("%s", async (_what, other) => {
    const isolate = openGuest("tally");
    expect(await answers(isolate, ["run", "run"])).toEqual(["111", "122"]);
    expect(await answers(isolate, ["run"], other)).toEqual(["111"]);
    expect(await answers(isolate, ["run"])).toEqual(["111"]);
  });

  test("another tenant, also where calls of both overlap in one isolate", async () => {
    const isolate = openGuest("tally-sleep");
    const owners = ["tenant-a", "tenant-b", "tenant-a", "tenant-b"];
    for (let round = 0; round < 3; round++) {
      const outcomes = await Promise.all(owners.map((keepFor) => isolate.call("run", { keepFor })));
      // Whatever was kept may serve one call of its owner; all others begin at 1.
      expect(outcomes.filter(({ output }) => text(output) !== "1").length).toBeLessThanOrEqual(1);
      expect(outcomes.map(({ instanceCall, output }) => String(instanceCall) === text(output))).toEqual(
        owners.map(() => true),
      );
    }
    const vars = openGuest("vars");
    await vars.call("run", { keepFor: "tenant-a", input: "secret of a" });
    expect((await vars.call("peek", { keepFor: "tenant-b" })).failure?.code).toBe("PLUGIN_ERROR");
  });
});
