import { RpcTarget } from "cloudflare:workers";
import { PlatformError, type ErrorCode } from "../../sdk/contract/errors.ts";
import type { Limits } from "../../sdk/contract/limits.ts";
import type { SandboxFailure, SandboxOutcome } from "../../sdk/contract/sandbox.ts";
import { errorText } from "../lib/error-text.ts";
import { logError } from "../lib/json-log.ts";
import type { NestedOutcome } from "./capabilities/capability.ts";
import { invoke, type InvokeDeps, type NestedEvent } from "./invoke.ts";
import type { Allowance, Budget } from "./request-budget.ts";
import type { SnapshotStore } from "./snapshot-store.ts";

/**
 * Nested calls for which their request has no isolate left: each runs in a worker request of its own, which may have as many at
 * work again. All that it needs travels as arguments; the budget stays where the request began and is asked from afar.
 */

/** What crosses back. Errors lose their class on the way, so refusals go as data. */
export type NestedAnswer = NestedOutcome | { readonly refused: { readonly code: ErrorCode; readonly detail: string } };

/** The entry point of the worker that answers in the new request. */
export interface NestedEntry {
  call(tenantId: string, event: NestedEvent, budget: SharedBudget): Promise<NestedAnswer>;
}

type Ended = Pick<SandboxOutcome, "usage" | "failure">;
type Opened = { readonly number: number; readonly limits: Limits } | { readonly failure: SandboxFailure };

/** A request's budget as another request reaches it. What a request that was cut off had set aside stays spent. */
export class SharedBudget extends RpcTarget {
  readonly #pool: Budget;
  readonly #open: Allowance[] = [];

  constructor(pool: Budget) {
    super();
    this.#pool = pool;
  }

  async open(limits: Limits, now: number): Promise<Opened> {
    const allowance = await this.#pool.open(limits, now);
    if ("failure" in allowance) return allowance;
    return { number: this.#open.push(allowance) - 1, limits: allowance.limits };
  }

  /** @returns the call's failure, as the budget sees it */
  async close(number: number, { usage, failure }: Ended): Promise<SandboxFailure | undefined> {
    const ended = { output: undefined, failure, usage, logs: [], logsTruncated: false };
    return (await this.#open[number]?.close(ended))?.failure;
  }
}

function budgetFromAfar(shared: Pick<SharedBudget, "open" | "close">): Budget {
  return {
    async open(limits, now) {
      const opened = await shared.open(limits, now);
      if ("failure" in opened) return opened;
      return {
        limits: opened.limits,
        async close(outcome) {
          const { usage, failure } = outcome;
          try {
            return { ...outcome, failure: await shared.close(opened.number, { usage, failure }) };
          } catch (error) {
            // The request that began it is gone; what happened here is still to be recorded.
            logError("budget.unreachable", { error: errorText(error) });
            return outcome;
          }
        },
      };
    },
  };
}

/** @throws {PlatformError} as `invoke` does */
export async function callInFreshRequest(
  entry: NestedEntry,
  tenantId: string,
  event: NestedEvent,
  pool: Budget,
): Promise<NestedOutcome> {
  const answer = await entry.call(tenantId, event, new SharedBudget(pool));
  if ("refused" in answer) throw new PlatformError(answer.refused.code, answer.refused.detail);
  return answer;
}

/** The other end of {@link callInFreshRequest}. The tenant's plugins are looked up anew. */
export async function answerNestedCall(
  deps: InvokeDeps & { readonly snapshots: Pick<SnapshotStore, "read"> },
  tenantId: string,
  event: NestedEvent,
  shared: Pick<SharedBudget, "open" | "close">,
): Promise<NestedAnswer> {
  try {
    const snapshot = await deps.snapshots.read(tenantId);
    if (!snapshot) throw new PlatformError("INSTALL_NOT_FOUND", `No plugin "${event.pluginId}" is installed.`);
    const budget = { pool: budgetFromAfar(shared), among: 1 };
    const { outcome, record } = await invoke(deps, snapshot, { ...event, budget });
    return { output: outcome.output, failure: outcome.failure, executionId: record.id };
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    return { refused: { code: error.code, detail: error.message } };
  }
}
