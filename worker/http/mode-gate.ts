import type { Context } from "hono";
import { PlatformError } from "../../sdk/contract/errors.ts";
import { MODES, type Mode, type ModeSpec } from "../../sdk/contract/modes.ts";
import type { ModeState } from "../../durable-objects/system-mode/rules.ts";
import { outageIn } from "../lib/outage.ts";
import type { AppEnv, Route } from "./route.ts";

/** Names the mode in answers while it is another than `normal`. */
export const MODE_HEADER = "x-patchbay-mode";

/** Since when an answer may be out of date, in milliseconds since the epoch. */
export interface Stale {
  readonly since: number;
}

/** Operators' own tools, what runs plugins, and what needs no store, go on in every mode. */
function goesOn({ path, permission }: Route): boolean {
  return permission === "public" || permission === "plugins:execute" || path.startsWith("/migration-proof/");
}

/** The route as the platform's mode has it: refused, answered from the snapshot, or as ever. */
export function withModes(route: Route): Route {
  if (goesOn(route) || route.needsNoDatabase) return route;
  return {
    ...route,
    errors: [...route.errors, "MODE_FALLBACK", ...(route.method === "get" ? [] : (["MODE_EMERGENCY"] as const))],
    handler: async (context, input) => {
      const { modes, clock } = context.get("deps");
      const state = await modes.read();
      const { fromSnapshot } = route;
      if (!isRefused(route, state)) {
        try {
          return await route.handler(context, input);
        } catch (error) {
          if (!fromSnapshot || outageIn(error)?.part !== "database") throw error;
          return fromSnapshot(context, input, { since: clock.now() });
        }
      }
      if (fromSnapshot) return fromSnapshot(context, input, { since: state.since });
      throw refusal(state);
    },
  };
}

/** Reads go on where the database is there; what changes something needs all parts at work. */
function isRefused({ method }: Route, { mode, lost }: ModeState): boolean {
  const { reads, writes } = MODES[mode];
  if (method !== "get") return writes === "refused";
  return reads !== "live" && (lost.length === 0 || lost.includes("database"));
}

function refusal({ mode, reason, since }: ModeState): PlatformError {
  const code = mode === "emergency" ? "MODE_EMERGENCY" : "MODE_FALLBACK";
  const spec: ModeSpec = MODES[mode];
  return new PlatformError(code, `The platform is in mode "${mode}": ${reason || "no reason given"}.`, {
    members: { mode, since, retryAfterSeconds: spec.retryAfter },
  });
}

/** Marks the answer, and looks whether the mode may end. */
export function markMode(context: Context<AppEnv>): void {
  const { modes } = context.get("deps");
  const mode: Mode = modes.known.mode;
  if (mode === "normal") return;
  context.res.headers.set(MODE_HEADER, mode);
  modes.tend();
}
