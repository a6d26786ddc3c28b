import { probeBreaker } from "../../../../durable-objects/plugin-health/client.ts";
import { ERRORS, PlatformError } from "../../../../sdk/contract/errors.ts";
import type { Deps } from "../../../deps.ts";
import { errorText } from "../../../lib/error-text.ts";
import { logError } from "../../../lib/json-log.ts";
import type { Actor } from "../../../lib/actor.ts";
import { installNotFound } from "../../installs/request-rules.ts";
import type { Install } from "../../installs/schema.ts";
import { getInstall } from "../../installs/store.ts";
import {
  REASON_LENGTH,
  type Cause,
  type HealingEvent,
  type HealingOutcome,
  type HealingVerification,
  type InstallFacts,
  type Remedy,
} from "../healing-record.ts";
import { isSettled, type HealingLimits } from "../rules.ts";
import { beginHealing } from "../store.ts";
import { closeCutOff, recordEnd } from "./end.ts";
import { factsSince, gatherFacts } from "./facts.ts";
import { quarantine } from "./quarantine.ts";
import type { RemedyAction, RemedyRequest } from "./remedy.ts";
import { repair } from "./repair.ts";
import { rollback } from "./rollback.ts";
import { restart } from "./restart.ts";
import { enterSafeMode, leaveSafeMode } from "./safe-mode.ts";
import { verify } from "./verify.ts";

const ACTIONS: Readonly<Record<Remedy, RemedyAction>> = {
  restart,
  repair,
  rollback,
  "safe-mode": enterSafeMode,
  quarantine,
  "leave-safe-mode": leaveSafeMode,
};

/** One remedy for one install, and who wants it. */
export interface HealingOrder {
  readonly actor: Actor;
  readonly traceId: string;
  readonly remedy: Remedy;
  readonly cause: Cause;
  /** Error code or finding that it is about. */
  readonly code?: string | undefined;
  readonly reason: string;
  /** True: what does not help is taken back. A person's own choice stays. */
  readonly undoes: boolean;
  /** Given where nobody asked. */
  readonly limits?: HealingLimits;
  /** True: what kept the remedy from being done is thrown once it is recorded, for an answer that has no place for it. */
  readonly rethrows?: boolean;
}

/**
 * Does one thing to heal an install, sees whether it helped, takes it back where it did not, and keeps what happened.
 *
 * @param install  as read; must be installed
 * @returns the closed event; undefined where another healer is at work or too much was healed lately
 * @throws what kept it from being done, where the order says so, and what keeps it from being recorded
 */
export async function applyRemedy(
  deps: Deps,
  install: Install,
  order: HealingOrder,
): Promise<HealingEvent | undefined> {
  const { actor, remedy, cause, traceId } = order;
  const reason = order.reason.slice(0, REASON_LENGTH);
  await closeCutOff(deps, install);
  const { shown } = await gatherFacts(deps, install);
  const event = openedEvent(deps, install, { ...order, reason }, shown);
  if (!(await beginHealing(deps.db, event, order.limits))) return undefined;
  const request: RemedyRequest = { actor, install, reason, traceId };
  const result = await attempt(deps, request, order).catch((error: unknown): Result => {
    logError("healing.failed", { installId: install.id, remedy, cause, error: errorText(error) });
    const because = error instanceof PlatformError ? `${error.code}: ${error.message}` : "The platform failed.";
    return { outcome: "failed", done: because, verification: null, error: toError(error) };
  });
  const ended = await close(deps, order, event, result);
  if (order.rethrows && result.error) throw result.error;
  return ended;
}

interface Result {
  readonly outcome: HealingOutcome;
  readonly done: string;
  readonly verification: HealingVerification | null;
  /** What kept it from being done. */
  readonly error?: Error;
}

async function attempt(deps: Deps, request: RemedyRequest, order: HealingOrder): Promise<Result> {
  const applied = await ACTIONS[order.remedy](deps, request);
  const verification = await verify(deps, request, applied, errorCodeOf(order.code));
  const { verdict } = verification;
  const { done } = applied;
  if (verdict !== "not-helped") return { outcome: verdict, done, verification };
  if (!order.undoes || !applied.undo) return { outcome: "failed", done, verification };
  await applied.undo();
  return { outcome: "undone", done: `${done} It did not help and was taken back.`, verification };
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(errorText(error));
}

/** A finding has no calls of its own: then any that failed count. */
function errorCodeOf(code: string | undefined): string | undefined {
  return code !== undefined && Object.hasOwn(ERRORS, code) ? code : undefined;
}

/** The event as it is before anything is done. */
export function openedEvent(
  deps: Deps,
  install: Install,
  order: Pick<HealingOrder, "remedy" | "cause" | "code" | "reason" | "actor">,
  before: InstallFacts,
): HealingEvent {
  const { remedy, cause, code, reason, actor } = order;
  return {
    id: deps.newId(),
    tenantId: install.tenantId,
    installId: install.id,
    pluginId: install.pluginId,
    cause,
    code: code ?? null,
    remedy,
    reason,
    before,
    after: null,
    verification: null,
    outcome: "running",
    subject: actor.subject,
    startedAt: deps.clock.now(),
    endedAt: null,
  };
}

async function close(deps: Deps, order: HealingOrder, event: HealingEvent, result: Result): Promise<HealingEvent> {
  const { tenantId, pluginId, installId } = event;
  const now = deps.clock.now();
  const install = await getInstall(deps.db, tenantId, pluginId);
  if (!install) throw installNotFound(pluginId);
  const after = await factsSince(deps, install, event.startedAt);
  // What was done deserves a probe now, not when the breaker would have let one through.
  if (isSettled(result) && after.breaker === "open") {
    await probeBreaker(deps.env.PLUGIN_HEALTH, installId, install.version);
  }
  const reason = `${event.reason} ${result.done}`.slice(0, 2 * REASON_LENGTH);
  const { outcome, verification } = result;
  const ended = { ...event, after, verification, outcome, endedAt: now, reason };
  // Another healer took this one for dead: what it wrote stands.
  return (await recordEnd(deps, order.actor, ended)) ? ended : { ...ended, outcome: "failed" };
}
