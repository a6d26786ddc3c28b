import type { Limits } from "../../sdk/contract/limits.ts";
import type { SandboxFailure, SandboxOutcome } from "../../sdk/contract/sandbox.ts";

/** What all calls of one request may use together, nested ones included. */
export interface BudgetSpec {
  /** Weighted units. */
  readonly fuel: number;
  readonly hostCalls: number;
  /** Milliseconds from the request's start. */
  readonly wallClock: number;
}

export const DEFAULT_BUDGET: BudgetSpec = { fuel: 20e9, hostCalls: 2_000, wallClock: 30_000 };

/** The limits that a budget narrows. */
const SHARED = ["fuel", "hostCalls", "wallClock"] as const satisfies readonly (keyof Limits & keyof BudgetSpec)[];

/** What was set aside for one call. */
export interface Allowance {
  /** The call's limits, as far as the budget goes. */
  readonly limits: Limits;
  /**
   * Ends the call: what it did not use is there for others. To be called once.
   *
   * @returns the outcome; a limit that only the budget made so narrow is put down to the budget, not to the plugin
   */
  close(outcome: SandboxOutcome): SandboxOutcome | Promise<SandboxOutcome>;
}

/** Of a budget that is here. */
export interface LocalAllowance extends Allowance {
  close(outcome: SandboxOutcome): SandboxOutcome;
}

type Opened = Allowance | { readonly failure: SandboxFailure };

/** A budget that several calls share, here or where their request began. */
export interface Budget {
  /**
   * Sets aside what a call may use.
   *
   * @param now    milliseconds since the epoch
   * @param among  how many calls about to begin share what is left evenly, this one included; 1 where it is left out
   */
  open(limits: Limits, now: number, among?: number): Opened | Promise<Opened>;
}

/**
 * One budget for all calls of a request. What a call may use is set aside before it runs, so that calls at work at once cannot
 * overdraw it, and what it leaves is given back. One per request.
 */
export class RequestBudget implements Budget {
  readonly #total: BudgetSpec;
  #deadline: number;
  /** Not set aside and not used. */
  #fuel: number;
  #hostCalls: number;

  /** @param startedAt  milliseconds since the epoch */
  constructor(total: BudgetSpec, startedAt: number) {
    this.#total = total;
    this.#deadline = startedAt + total.wallClock;
    this.#fuel = total.fuel;
    this.#hostCalls = total.hostCalls;
  }

  open(limits: Limits, now: number, among = 1): LocalAllowance | { readonly failure: SandboxFailure } {
    const left = {
      fuel: Math.floor(this.#fuel / among),
      hostCalls: Math.floor(this.#hostCalls / among),
      wallClock: this.#deadline - now,
    };
    const spent = left.fuel <= 0 ? "fuel" : left.wallClock <= 0 ? "wallClock" : undefined;
    if (spent) return { failure: this.#spent(spent) };
    const granted: Limits = { ...limits };
    for (const name of SHARED) Object.assign(granted, { [name]: Math.min(limits[name], left[name]) });
    this.#fuel -= granted.fuel;
    this.#hostCalls -= granted.hostCalls;
    return { limits: granted, close: (outcome) => this.#close(limits, granted, outcome) };
  }

  #close(own: Limits, granted: Limits, outcome: SandboxOutcome): SandboxOutcome {
    const { failure, usage } = outcome;
    this.#fuel += Math.max(0, granted.fuel - usage.fuel);
    this.#hostCalls += Math.max(0, granted.hostCalls - usage.hostCalls);
    const hit = SHARED.find((name) => name === failure?.limit?.name && granted[name] < own[name]);
    if (!failure || hit === undefined) return outcome;
    // A plugin that cannot end in time is stopped somewhat before: nobody else begins in what that leaves.
    if (hit === "wallClock") this.#deadline = 0;
    return {
      ...outcome,
      failure: { ...failure, code: "BUDGET_SPENT", detail: `Stopped by the request's budget. ${failure.detail}` },
    };
  }

  #spent(name: "fuel" | "wallClock"): SandboxFailure {
    const allowed = this.#total[name];
    const unit = name === "fuel" ? "units of fuel" : "ms";
    return {
      code: "BUDGET_SPENT",
      detail: `Not run: the request's budget of ${allowed} ${unit} is spent.`,
      limit: { name, used: allowed, allowed },
    };
  }
}
