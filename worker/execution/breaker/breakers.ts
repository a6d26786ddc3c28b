import type { Fault } from "../../../durable-objects/plugin-health/breaker-rules.ts";
import { healthOf } from "../../../durable-objects/plugin-health/client.ts";
import type { PluginHealth } from "../../../durable-objects/plugin-health/object.ts";
import type { Answer, ReportedFault, ReportedProbe } from "../../../durable-objects/plugin-health/report-rules.ts";
import { withCall, withRefusal } from "../../../durable-objects/plugin-health/tally-rules.ts";
import type { Verdict } from "../../../durable-objects/plugin-health/verdict-rules.ts";
import type { Limits } from "../../../sdk/contract/limits.ts";
import type { SandboxFailure } from "../../../sdk/contract/sandbox.ts";
import type { Clock } from "../../lib/clock.ts";
import { errorText } from "../../lib/error-text.ts";
import { logError } from "../../lib/json-log.ts";
import type { IdSource } from "../../lib/ulid.ts";
import type { ToldEvent } from "../outcome-reporter.ts";
import type { SnapshotInstall } from "../snapshot.ts";
import {
  addUnreported,
  adopt,
  countLocally,
  decide,
  decideLocally,
  nothingUnreported,
  PATIENCE_MS,
  REPORT_MS,
  UNREACHABLE_MS,
  type BreakerBook,
  type BreakerEntry,
  type ReportedInstall,
} from "./book-rules.ts";
import { evidenceOf } from "./fault-rules.ts";
import { eventsOfMove } from "./move-rules.ts";

/** An object that answers at all answers within this. Milliseconds. */
const ASKING_MS = 2_000;
/** A probe's lease outlives its call by this, so that its report arrives. Milliseconds. */
const LEASE_MARGIN_MS = 5_000;

export interface BreakerDeps {
  readonly namespace: DurableObjectNamespace<PluginHealth>;
  readonly book: BreakerBook;
  readonly clock: Clock;
  readonly newId: IdSource;
  readonly pause: (milliseconds: number) => Promise<void>;
  readonly defer: (work: Promise<unknown>) => void;
  readonly outcomes: { readonly tell: (event: ToldEvent) => void };
}

/** What was decided on a call; given back with its end. */
export type Passage =
  | { readonly admitted: true; readonly probe?: "object" | "local" }
  | { readonly admitted: false; readonly verdict: Verdict };

export interface GuardedCall {
  readonly tenantId: string;
  readonly install: SnapshotInstall;
  readonly executionId: string;
  /** Limits of the call, which may be lower than the install's. */
  readonly limits: Limits;
}

export interface EndedCall extends GuardedCall {
  readonly passage: Passage;
  readonly failure: SandboxFailure | undefined;
  readonly durationMs: number;
  readonly isStreamed: boolean;
}

/** Stands between callers and plugins that fail. */
export interface CallGuard {
  /** Decides whether a call is made. Waits for nothing while the verdict in memory is young. */
  admit(call: GuardedCall): Passage | Promise<Passage>;
  /** Takes in how it ended. Never throws and never delays the answer. */
  settle(call: EndedCall): void;
  /**
   * Reports, behind the answer, calls of installs that nobody has called since. Never throws.
   *
   * @param isEnd  of a batch or a job, after which nobody may come by for long: reports are then not held together
   */
  catchUp(isEnd?: boolean): void;
}

/** For calls that say nothing of how a plugin does in use. */
export const UNGUARDED: CallGuard = {
  admit: () => ({ admitted: true }),
  settle: () => undefined,
  catchUp: () => undefined,
};

/** Breakers of the installs that this worker isolate calls. Made per request; what lasts is in the book. */
export class Breakers implements CallGuard {
  readonly #deps: BreakerDeps;

  constructor(deps: BreakerDeps) {
    this.#deps = deps;
  }

  admit(call: GuardedCall): Passage | Promise<Passage> {
    const now = this.#deps.clock.now();
    const entry = this.#entry(call, now);
    const decision = decide(entry, call.executionId, leaseOf(call), now);
    if (decision.next === "admit") return passed(decision.isLocalProbe);
    if (decision.next === "refuse") return { admitted: false, verdict: decision.verdict };
    return decision.next === "ask-probe" ? this.#askProbe(call, entry) : this.#askVerdict(call, entry);
  }

  settle(call: EndedCall): void {
    const { install, passage, failure, durationMs, executionId, limits } = call;
    const now = this.#deps.clock.now();
    const entry = this.#entry(call, now);
    const { unreported } = entry;
    entry.called = { tenantId: call.tenantId, install };
    this.#deps.book.unreported.add(entry);
    if (!passage.admitted) {
      entry.unreported = { ...unreported, tally: withRefusal(unreported.tally) };
      return this.#reportLater(call, entry, now);
    }
    const evidence = evidenceOf(failure, install.limits, limits, call.isStreamed);
    const isFault = evidence === "fault";
    const tally = withCall(unreported.tally, { ms: durationMs, code: failure?.code ?? null, isFault });
    const configRevision = install.configRevision ?? 0;
    const fault: Fault | null =
      isFault && failure ? { at: now, code: failure.code, executionId, configRevision } : null;
    entry.unreported = { ...unreported, tally };
    const token = passage.probe === "local" ? executionId : undefined;
    if (evidence !== "nothing") countLocally(entry, token, fault, now);
    if (passage.probe === "object") {
      const probe = { token: executionId, ...(evidence === "nothing" ? {} : { fault: fault && reported(fault, now) }) };
      return this.#deps.defer(this.#report(call, entry, probe));
    }
    const { good, faults } = entry.unreported;
    if (evidence === "good") entry.unreported = { ...entry.unreported, good: good + 1 };
    if (!fault) return this.#reportLater(call, entry, now);
    entry.unreported = { ...entry.unreported, faults: [...faults, fault] };
    if (entry.unreachableUntil <= now) this.#deps.defer(this.#report(call, entry));
  }

  catchUp(isEnd = false): void {
    const { book, clock, defer, pause } = this.#deps;
    const now = clock.now();
    if (book.unreported.size === 0 || (!isEnd && now - book.caughtUpAt < REPORT_MS)) return;
    book.caughtUpAt = now;
    const due = [...book.unreported].filter(
      ({ reportedAt, unreachableUntil }) => unreachableUntil <= now && (isEnd || now - reportedAt >= REPORT_MS),
    );
    for (const entry of due) {
      if (!entry.called) continue;
      entry.reportedAt = now;
      defer(pause(0).then(() => entry.called && this.#report(entry.called, entry)));
    }
  }

  #entry({ install }: GuardedCall, now: number): BreakerEntry {
    return this.#deps.book.entry(install.installId, install.version, now);
  }

  /** Asks for the verdict with a report of what is unreported. An object that takes its time is not waited for. */
  async #askVerdict(call: GuardedCall, entry: BreakerEntry): Promise<Passage> {
    const report = this.#report(call, entry);
    this.#deps.defer(report);
    const answered = await Promise.race([report, this.#deps.pause(PATIENCE_MS).then(() => false)]);
    const now = this.#deps.clock.now();
    const lease = leaseOf(call);
    if (!answered) this.#leaveAlone(entry, now);
    const decision = answered
      ? decide(entry, call.executionId, lease, now)
      : decideLocally(entry, call.executionId, lease, now);
    if (decision.next === "ask-probe") return await this.#askProbe(call, entry);
    if (decision.next === "refuse") return { admitted: false, verdict: decision.verdict };
    return passed(decision.next === "admit" && decision.isLocalProbe);
  }

  /** The one question that must be answered before a call: two isolates cannot both have the only probe. */
  async #askProbe(call: GuardedCall, entry: BreakerEntry): Promise<Passage> {
    const { clock, namespace } = this.#deps;
    const { installId, version } = call.install;
    const { faultsSeen } = entry;
    entry.askingUntil = clock.now() + ASKING_MS;
    try {
      const asked = healthOf(namespace, installId).askProbe(version, call.executionId, leaseOf(call));
      const answer = await Promise.race([asked, this.#deps.pause(ASKING_MS).then(() => undefined)]);
      if (!answer) throw new Error(`no answer within ${ASKING_MS} ms`);
      this.#take(call, entry, answer, faultsSeen);
      if (answer.admitted) return { admitted: true, probe: "object" };
      return answer.verdict.state === "closed" ? passed(false) : { admitted: false, verdict: answer.verdict };
    } catch (error) {
      logError("breaker.probe-not-asked", { installId, version, error: errorText(error) });
      const now = clock.now();
      this.#leaveAlone(entry, now);
      const decision = decideLocally(entry, call.executionId, leaseOf(call), now);
      if (decision.next === "refuse") return { admitted: false, verdict: decision.verdict };
      return passed(decision.next === "admit" && decision.isLocalProbe);
    } finally {
      entry.askingUntil = 0;
    }
  }

  #reportLater(call: GuardedCall, entry: BreakerEntry, now: number): void {
    if (now - entry.reportedAt < REPORT_MS || entry.unreachableUntil > now) return;
    entry.reportedAt = now;
    // Not before the answer is on its way.
    this.#deps.defer(this.#deps.pause(0).then(() => this.#report(call, entry)));
  }

  /** @returns false where the object did not answer; what was to be reported then waits for the next report */
  async #report(call: ReportedInstall, entry: BreakerEntry, probe?: ReportedProbe): Promise<boolean> {
    const { clock, namespace } = this.#deps;
    const { installId, version } = call.install;
    const now = clock.now();
    const { unreported, faultsSeen } = entry;
    entry.unreported = nothingUnreported();
    this.#deps.book.unreported.delete(entry);
    entry.reportedAt = now;
    try {
      const answer = await healthOf(namespace, installId).report({
        version,
        tally: unreported.tally,
        good: unreported.good,
        faults: unreported.faults.map((fault) => reported(fault, now)),
        ...(probe ? { probe } : {}),
      });
      this.#take(call, entry, answer, faultsSeen);
      return true;
    } catch (error) {
      logError("breaker.not-reported", { installId, version, error: errorText(error) });
      entry.unreported = addUnreported(unreported, entry.unreported);
      this.#deps.book.unreported.add(entry);
      this.#leaveAlone(entry, clock.now());
      return false;
    }
  }

  #leaveAlone(entry: BreakerEntry, now: number): void {
    entry.unreachableUntil = now + UNREACHABLE_MS;
  }

  #take({ tenantId, install }: ReportedInstall, entry: BreakerEntry, answer: Answer, faultsSeen: number): void {
    const { clock, newId, outcomes } = this.#deps;
    adopt(entry, answer.verdict, faultsSeen, clock.now());
    for (const move of answer.moves) {
      for (const event of eventsOfMove(move, answer.verdict, install, newId)) outcomes.tell({ ...event, tenantId });
    }
  }
}

function passed(isLocalProbe: boolean): Passage {
  return isLocalProbe ? { admitted: true, probe: "local" } : { admitted: true };
}

function leaseOf({ install }: GuardedCall): number {
  return install.limits.wallClock + LEASE_MARGIN_MS;
}

function reported({ at, ...fault }: Fault, now: number): ReportedFault {
  return { ...fault, ageMs: now - at };
}
