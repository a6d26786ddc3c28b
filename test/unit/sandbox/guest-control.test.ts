import { describe, expect, test } from "vitest";
import { DEFAULT_LIMITS } from "../../../sdk/contract/limits.ts";
import { METERING_EXPORTS } from "../../../sdk/contract/metering-abi.ts";
import { FuelMeter } from "../../../worker/execution/sandbox/fuel-meter.ts";
import { GuestControl, GuestStopped } from "../../../worker/execution/sandbox/guest-control.ts";
import { hostImport } from "../../../worker/execution/sandbox/host-import.ts";
import { Variables } from "../../../worker/execution/sandbox/variables.ts";

const LIMITS = { ...DEFAULT_LIMITS, fuel: 20_000, wallClock: 100, hostCalls: 2 };

function control(): { control: GuestControl; meter: FuelMeter; fuel: WebAssembly.Global; time: { now: number } } {
  const fuel = new WebAssembly.Global({ value: "i64", mutable: true }, 0n);
  const depth = new WebAssembly.Global({ value: "i32", mutable: true }, 0);
  const meter = new FuelMeter(LIMITS);
  const refusedPages = new WebAssembly.Global({ value: "i32", mutable: true }, 0);
  const { fuel: fuelName, depth: depthName, refusedPages: refusedName } = METERING_EXPORTS;
  expect(meter.attach({ [fuelName]: fuel, [depthName]: depth, [refusedName]: refusedPages })).toBe(true);
  meter.restoreDepth();
  expect(depth.value).toBe(LIMITS.callDepth);
  const time = { now: 5_000 };
  return { control: new GuestControl(meter, LIMITS, () => time.now), meter, fuel, time };
}

describe("GuestControl", () => {
  test("each import is paid for, until there is no fuel", () => {
    const { control: guest, meter, fuel } = control();
    for (let round = 0; round < 10; round += 1) guest.enterImport();
    expect([fuel.value, meter.used(), meter.state()]).toEqual([0n, 20_000, "ok"]);
    expect(() => guest.enterImport()).toThrow(GuestStopped);
    expect([fuel.value, meter.used(), meter.state()]).toEqual([-1n, 20_000, "exhausted"]);
    expect(guest.failure).toBeUndefined();
  });

  test("fuel taken away by the host is not fuel used", () => {
    const { control: guest, meter, fuel } = control();
    guest.enterImport();
    expect(() => guest.stop({ code: "GRANT_MISSING", detail: "first" })).toThrow(GuestStopped);
    expect(() => guest.stop({ code: "INTERNAL", detail: "second" })).toThrow(GuestStopped);
    expect(() => guest.enterImport()).toThrow(GuestStopped);
    expect([fuel.value, meter.used(), meter.state()]).toEqual([-1n, 2_000, "ok"]);
    expect(guest.failure).toEqual({ code: "GRANT_MISSING", detail: "first" });
    expect(guest.ended).toBe(true);
  });

  test("the first exit code stays", () => {
    const { control: guest } = control();
    expect(() => guest.exit(3)).toThrow(GuestStopped);
    expect(() => guest.exit(0)).toThrow(GuestStopped);
    expect(guest.exitCode).toBe(3);
  });

  test("the deadline itself is in time, a millisecond later is not", () => {
    const { control: guest, time } = control();
    time.now = 5_100;
    guest.enterImport();
    expect(guest.remainingMs()).toBe(0);
    time.now = 5_101;
    expect(() => guest.enterImport()).toThrow(GuestStopped);
    expect(guest.failure).toEqual({
      code: "WALL_CLOCK_EXCEEDED",
      detail: "The call needs 101 ms; the limit is 100 ms.",
      limit: { name: "wallClock", used: 101, allowed: 100 },
    });
  });

  test("capability calls are counted", () => {
    const { control: guest } = control();
    guest.enterCapability();
    guest.enterCapability();
    expect(() => guest.enterCapability()).toThrow(GuestStopped);
    expect(guest.hostCalls).toBe(3);
    expect(guest.failure).toMatchObject({ code: "HOST_CALLS_EXCEEDED", limit: { used: 3, allowed: 2 } });
  });

  test("a fault of a host function stops the guest and is kept for the host", () => {
    const { control: guest, fuel } = control();
    const fault = new TypeError("a bug of ours");
    const broken = hostImport("broken", "() -> ()", () => ({
      host: {
        run: () => {
          throw fault;
        },
      },
      control: guest,
    })) as () => void; // hostImport answers a function for an import that does not suspend
    expect(broken).toThrow(GuestStopped);
    expect(guest.crash?.error).toBe(fault);
    expect(fuel.value).toBe(-1n);
  });

  test("a meter without counters does not attach", () => {
    const meter = new FuelMeter(LIMITS);
    expect(meter.attach({})).toBe(false);
    expect(meter.used()).toBe(0);
  });
});

const value = (length: number) => () => new Uint8Array(length);

describe("Variables", () => {
  test("an entry costs its value, its key and 256 bytes", () => {
    const variables = new Variables();
    expect(variables.set("key", 10, value(10), 272)).toBe(true);
    expect(variables.bytes).toBe(272);
    expect(variables.set("other", 0, value(0), 400)).toBe(false);
    expect(variables.get("other")).toBeUndefined();
    expect(variables.bytes).toBe(272);
  });

  test("a replaced value is given back first, and kept where the new one does not fit", () => {
    const variables = new Variables();
    variables.set("key", 100, value(100), 1_000);
    expect(variables.set("key", 200, value(200), 462)).toBe(true);
    expect(variables.bytes).toBe(462);
    expect(variables.set("key", 201, value(201), 462)).toBe(false);
    expect(variables.get("key")?.byteLength).toBe(200);
    variables.delete("key");
    variables.delete("key");
    expect(variables.bytes).toBe(0);
  });
});
