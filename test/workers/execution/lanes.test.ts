import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, test } from "vitest";
import { createDeps, createResident, type Resident } from "../../../worker/deps.ts";
import { ISOLATE_MEMORY_BUDGET, MOST_LANES, reservationOf } from "../../../worker/execution/admit.ts";
import { invoke, type Invocation } from "../../../worker/execution/invoke.ts";
import type { Snapshot } from "../../../worker/execution/snapshot.ts";
import { CountingLoader } from "../../support/workers/counting-loader.ts";
import { installGuests } from "./guest-installs.ts";

/** Overlapping calls of plugins that wait, with the real loader: what they hold of each isolate's memory, and that they let go. */

const MIB = 1024 * 1024;
/** Two calls in a lane, sixteen in all. */
const LIMITS = { memory: 36 * MIB, kernelMemory: 8 * MIB, input: MIB, output: MIB };

describe("overlapping calls that wait", () => {
  let snapshot: Snapshot;
  let resident: Resident;
  let counting: CountingLoader;

  beforeEach(async () => {
    snapshot = await installGuests("crowded", [{ guest: "sleep", limits: LIMITS }]);
    resident = createResident();
    counting = new CountingLoader(({ input }) => {
      if (new TextDecoder().decode(input) === "broken") throw new Error("internal error; reference = test");
    });
  });

  /** Each call is a request of its own, as they reach one worker isolate. */
  async function call(functionName: string, input = "", timeoutMs?: number): Promise<Invocation> {
    const context = createExecutionContext();
    const deps = createDeps({ ...env, LOADER: counting.loader }, context, undefined, resident);
    const invocation = await invoke(deps, snapshot, {
      pluginId: "sleep",
      functionName,
      input: new TextEncoder().encode(input),
      options: { logLevel: 2, timeoutMs },
      subject: "s",
      roles: [],
      traceId: "0".repeat(32),
    });
    await waitOnExecutionContext(context);
    return invocation;
  }

  const codes = (invocations: readonly Invocation[]): (string | undefined)[] =>
    invocations.map(({ outcome }) => outcome.failure?.code);

  const inputs = Array.from({ length: 40 }, (_, index) => `call ${index}`);

  test("spread over lanes up to each one's memory, wait their turn beyond, and all get their own answers", async () => {
    const invocations = await Promise.all(inputs.map((input) => call("nap", input)));
    expect(invocations.map(({ outcome }) => new TextDecoder().decode(outcome.output))).toEqual(inputs);
    const fit = Math.floor(ISOLATE_MEMORY_BUDGET / reservationOf(true, { ...snapshotLimits(), ...LIMITS }, 6));
    expect([...counting.isolates.values()].map(({ most }) => most)).toEqual(
      Array.from({ length: MOST_LANES }, () => fit),
    );
    expect(resident.isolates.lanes.held(identity())).toEqual([]);
  });

  test("are refused where nothing comes free in half of their time, and say that they may be repeated", async () => {
    const holders = Array.from({ length: 16 }, () => call("naps", "", 600));
    const late = await Promise.all([call("nap", "late", 100), call("nap", "later", 100)]);
    expect(codes(late)).toEqual(["ISOLATE_BUSY", "ISOLATE_BUSY"]);
    expect(codes(await Promise.all(holders))).toEqual(holders.map(() => "WALL_CLOCK_EXCEEDED"));
    expect(codes([await call("nap", "again")])).toEqual([undefined]);
    expect(resident.isolates.lanes.held(identity())).toEqual([]);
  });

  test("let go of their memory however they end", async () => {
    const invocations = await Promise.all([
      call("nap", "fine"),
      call("recursion"),
      call("naps", "", 50),
      call("run", "", 50),
      call("nap", "broken"),
      call("crowd"),
    ]);
    expect(codes(invocations)).toEqual([
      undefined,
      "CALL_DEPTH_EXCEEDED",
      "WALL_CLOCK_EXCEEDED",
      "WALL_CLOCK_EXCEEDED",
      "ISOLATE_UNAVAILABLE",
      "PLUGIN_ERROR",
    ]);
    expect(resident.isolates.lanes.held(identity())).toEqual([]);
  });

  function identity(): string {
    const [id] = counting.isolates.keys();
    return String(id).split(":").slice(0, -2).join(":");
  }

  function snapshotLimits() {
    const install = snapshot.installs["sleep"];
    if (!install) throw new Error("sleep is not installed");
    return install.limits;
  }
});
