import type { Limits } from "../../sdk/contract/limits.ts";
import type { SandboxOutcome } from "../../sdk/contract/sandbox.ts";
import { failedOutcome } from "./settle.ts";

/** The sandbox stops a late guest itself and can say what it used; this is the fence behind it. */
const GRACE_MS = 250;

/**
 * Waits for a call, but not past its deadline: then the call is abandoned together with its instance. A timer cannot
 * interrupt a guest that computes; that is what fuel is for.
 */
export async function raceDeadline(call: Promise<SandboxOutcome>, limits: Limits): Promise<SandboxOutcome> {
  let timer: number | null = null;
  const deadline = new Promise<SandboxOutcome>((resolve) => {
    timer = setTimeout(() => resolve(lateOutcome(limits)), limits.wallClock + GRACE_MS);
  });
  try {
    return await Promise.race([call, deadline]);
  } finally {
    clearTimeout(timer);
    // A call that fails after it was abandoned has nobody left to tell.
    call.catch(() => undefined);
  }
}

function lateOutcome(limits: Limits): SandboxOutcome {
  return failedOutcome(
    {
      code: "WALL_CLOCK_EXCEEDED",
      detail: `The call took longer than ${limits.wallClock} ms.`,
      limit: { name: "wallClock", used: limits.wallClock + GRACE_MS, allowed: limits.wallClock },
    },
    limits.fuel,
  );
}
