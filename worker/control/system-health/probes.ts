import { healthOf } from "../../../durable-objects/plugin-health/client.ts";
import { PLATFORM_TENANT } from "../../../sdk/contract/identifiers.ts";
import { snapshotKey } from "../../execution/snapshot.ts";
import type { Clock } from "../../lib/clock.ts";
import { errorText } from "../../lib/error-text.ts";
import { logError } from "../../lib/json-log.ts";
import { Unanswered, within } from "../../lib/patience.ts";

/** What the platform stands on, and how to see whether it does: one row for each. */

export interface SystemProbe {
  readonly name: string;
  /** Milliseconds within which it must answer. */
  readonly budgetMs: number;
  /** Without it no plugin can run. */
  readonly critical: boolean;
  /**
   * @returns what is amiss although it answers; undefined: nothing
   * @throws where it does not work
   */
  readonly check: (env: ProbedEnv, now: number) => Promise<string | undefined>;
}

export type ProbedEnv = Pick<Env, "DB" | "STORE" | "PLUGIN_HEALTH" | "LOADER" | "OUTCOMES" | "MESSAGES" | "WEBHOOKS">;

/** An object of its own: no install has this id. */
const PROBED_OBJECT = "system-health";
const LOADER_PROBE = "system-health:1";
/** Oldest that a message may be before its queue is behind. Milliseconds. */
export const QUEUE_LAG_MS = 60_000;

export const SYSTEM_PROBES: readonly SystemProbe[] = [
  {
    name: "database",
    budgetMs: 2_000,
    critical: false,
    check: async ({ DB }) => void (await DB.prepare("SELECT 1").first()),
  },
  {
    name: "store",
    budgetMs: 2_000,
    critical: true,
    check: async ({ STORE }) => void (await STORE.head(snapshotKey(PLATFORM_TENANT))),
  },
  {
    name: "durable-objects",
    budgetMs: 2_000,
    critical: false,
    check: async ({ PLUGIN_HEALTH }) => void (await healthOf(PLUGIN_HEALTH, PROBED_OBJECT).verdict("1")),
  },
  { name: "loader", budgetMs: 2_000, critical: true, check: ({ LOADER }) => probeLoader(LOADER) },
  queueProbe("outcomes", ({ OUTCOMES }) => OUTCOMES),
  queueProbe("messages", ({ MESSAGES }) => MESSAGES),
  queueProbe("webhooks", ({ WEBHOOKS }) => WEBHOOKS),
];

export interface ProbeResult {
  readonly name: string;
  readonly status: "ok" | "degraded" | "down";
  readonly critical: boolean;
  readonly durationMs: number;
  readonly budgetMs: number;
  /** What is amiss, without what a foreign error says: that goes to the log. */
  readonly detail?: string;
}

/** The last results, kept by a worker isolate for all requests. */
export interface KeptResults {
  env: ProbedEnv | undefined;
  at: number;
  results: readonly ProbeResult[];
}

export function noResults(): KeptResults {
  return { env: undefined, at: 0, results: [] };
}

/** Anybody may ask how the platform is, so what was found holds for this long. Milliseconds. */
const KEPT_MS = 2_000;

/** {@link probeSystem}, unless it was done a moment ago with the same bindings. */
export async function probeSeldom(
  deps: { readonly env: ProbedEnv; readonly clock: Clock },
  kept: KeptResults,
): Promise<readonly ProbeResult[]> {
  const now = deps.clock.now();
  if (kept.env === deps.env && now - kept.at < KEPT_MS) return kept.results;
  const results = await probeSystem(deps);
  // What is amiss is looked at anew each time, so that its end is seen at once.
  if (systemStatus(results) === "ok") Object.assign(kept, { env: deps.env, at: now, results });
  return results;
}

/** `down`: no plugin can run; `degraded`: something is amiss, and plugins run. */
export function systemStatus(results: readonly ProbeResult[]): ProbeResult["status"] {
  if (results.some(({ status, critical }) => critical && status === "down")) return "down";
  return results.every(({ status }) => status === "ok") ? "ok" : "degraded";
}

/** Runs probes at once, each within its budget. Never throws. */
export async function probeSystem(
  deps: { readonly env: ProbedEnv; readonly clock: Clock },
  probes: readonly SystemProbe[] = SYSTEM_PROBES,
): Promise<readonly ProbeResult[]> {
  return await Promise.all(probes.map((probe) => runProbe(probe, deps)));
}

async function runProbe(
  { name, budgetMs, critical, check }: SystemProbe,
  { env, clock }: { readonly env: ProbedEnv; readonly clock: Clock },
): Promise<ProbeResult> {
  const startedAt = clock.now();
  const end = (status: ProbeResult["status"], detail?: string): ProbeResult => {
    const durationMs = clock.now() - startedAt;
    return { name, status, critical, durationMs, budgetMs, ...(detail === undefined ? {} : { detail }) };
  };
  try {
    const amiss = await within(clock, budgetMs, () => check(env, startedAt));
    return amiss === undefined ? end("ok") : end("degraded", amiss);
  } catch (error) {
    if (error instanceof Unanswered) return end("down", error.message);
    logError("system-health.probe-failed", { probe: name, error: errorText(error) });
    return end("down", "It does not answer.");
  }
}

/** One Dynamic Worker with nothing in it, always under the same id, since each id is billed by the day. */
async function probeLoader(loader: WorkerLoader): Promise<undefined> {
  const worker = loader.get(LOADER_PROBE, () => ({
    compatibilityDate: "2026-07-01",
    mainModule: "probe.js",
    modules: { "probe.js": "export default { fetch: () => new Response() };" },
    env: {},
    globalOutbound: null,
  }));
  const answer = await worker.getEntrypoint().fetch("https://probe.invalid/");
  if (!answer.ok) throw new Error(`the probe's worker answered ${answer.status}`);
}

/** A queue is behind where its oldest message has waited for too long; how many wait says little. */
function queueProbe(name: string, queueOf: (env: ProbedEnv) => Queue): SystemProbe {
  const check: SystemProbe["check"] = async (env, now) => {
    const { backlogCount, oldestMessageTimestamp } = await queueOf(env).metrics();
    const lag = oldestMessageTimestamp && backlogCount > 0 ? now - oldestMessageTimestamp.getTime() : 0;
    return lag > QUEUE_LAG_MS
      ? `${backlogCount} messages wait, the oldest for ${Math.round(lag / 1_000)} s.`
      : undefined;
  };
  return { name: `queue-${name}`, budgetMs: 2_000, critical: false, check };
}
