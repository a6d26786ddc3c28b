import { systemModeOf } from "../../../durable-objects/system-mode/client.ts";
import type { Moment, SystemMode } from "../../../durable-objects/system-mode/object.ts";
import { FIRST_STATE, PROBE_PAUSE_MS, type ModeState } from "../../../durable-objects/system-mode/rules.ts";
import type { Clock } from "../../lib/clock.ts";
import { errorText } from "../../lib/error-text.ts";
import { logError } from "../../lib/json-log.ts";
import type { Store } from "../../lib/outage.ts";
import type { IdSource } from "../../lib/ulid.ts";
import { probeSystem, SYSTEM_PROBES, type ProbedEnv, type SystemProbe } from "../system-health/probes.ts";

/** A mode known for less than this is used as it is. */
const FRESH_MS = 2_000;
/** Up to this age it is used while the object is asked behind the answer. */
const STALE_MS = 10_000;
/** Between two tries of a part that has just failed, and how long each may take: five failures are seen within 2 s. */
const TRY_PAUSE_MS = 100;
const TRY_MS = 300;
/** Tries of one worker isolate, whatever the settings say. */
const MOST_TRIES = 20;
/** A request that tries for all and is cut off has lost its turn by then. */
const TURN_MS = 10_000;

const STORE_PROBES = SYSTEM_PROBES.filter(({ name }) => name === "database" || name === "store");

/** What a worker isolate knows of the mode. One per isolate, shared by all requests; plain data. */
export interface KnownMode {
  state: ModeState;
  /** When the object said so; 0: never. Milliseconds since the epoch, as the others. */
  readAt: number;
  askedAt: number;
  tryingUntil: number;
}

export function unknownMode(): KnownMode {
  return { state: FIRST_STATE, readAt: 0, askedAt: 0, tryingUntil: 0 };
}

export interface ModeBindings {
  readonly namespace: DurableObjectNamespace<SystemMode>;
  /** The bindings themselves: what probes find is not to be reported once more. */
  readonly probed: ProbedEnv;
  readonly known: KnownMode;
  readonly clock: Clock;
  readonly newId: IdSource;
  readonly pause: (milliseconds: number) => Promise<void>;
  readonly defer: (work: Promise<unknown>) => void;
}

/**
 * The platform's mode as this worker isolate knows it. Running plugins only looks at memory. An object that does not answer
 * changes nothing: what was known last holds.
 */
export class ModeStore {
  readonly #bindings: ModeBindings;

  constructor(bindings: ModeBindings) {
    this.#bindings = bindings;
  }

  /** What is known, without asking. */
  get known(): ModeState {
    return this.#bindings.known.state;
  }

  /** The mode, at most 10 s old where the object answers. */
  async read(): Promise<ModeState> {
    const { known, clock, defer } = this.#bindings;
    const [now, age] = [clock.now(), clock.now() - known.readAt];
    if (age < FRESH_MS) return known.state;
    if (age >= STALE_MS) return this.refresh();
    if (now - known.askedAt >= FRESH_MS) {
      known.askedAt = now;
      defer(this.refresh());
    }
    return known.state;
  }

  /** Asks the object. */
  refresh(): Promise<ModeState> {
    return this.#tell("read", (object) => object.read());
  }

  /** A store failed: told behind the answer, and tried until it answers or there are failures enough. */
  noted(part: Store): void {
    const { known, clock, defer } = this.#bindings;
    if (known.tryingUntil > clock.now()) return;
    known.tryingUntil = clock.now() + TURN_MS;
    defer(this.#tryOut(part));
  }

  /** Where the mode is not normal: looks behind the answer whether it may end, with others at most once a second. */
  tend(): void {
    const { known, clock, defer } = this.#bindings;
    if (known.state.mode === "normal" || clock.now() - known.askedAt < PROBE_PAUSE_MS) return;
    known.askedAt = clock.now();
    defer(this.probe());
  }

  /** Probes the stores unless another has just done so. */
  async probe(): Promise<ModeState> {
    let claimed = false;
    await this.#tell("claim", async (object) => {
      const claim = await object.claimProbe(this.#bindings.clock.now());
      claimed = claim.claimed;
      return claim.state;
    });
    if (!claimed) return this.known;
    const lost = await this.#lostParts(STORE_PROBES);
    return this.#tell("probed", (object, moment) => object.probed(lost, moment));
  }

  /** Passes on what somebody decided or found; fails where the object does not answer. */
  async change(
    send: (object: DurableObjectStub<SystemMode>, moment: Moment) => Promise<ModeState>,
  ): Promise<ModeState> {
    const { namespace, newId, clock } = this.#bindings;
    return this.#keep(await send(systemModeOf(namespace), { id: newId(), now: clock.now() }));
  }

  async #tryOut(part: Store): Promise<void> {
    const { known, pause } = this.#bindings;
    const probes = STORE_PROBES.filter(({ name }) => name === part);
    const fail = (): Promise<ModeState> => this.#tell("failed", (object, moment) => object.failed(part, 1, moment));
    let state = await fail();
    for (let tries = 1; tries < Math.min(state.threshold, MOST_TRIES) && state.mode === "normal"; tries++) {
      // oxlint-disable-next-line no-await-in-loop -- each try follows the one before
      await pause(TRY_PAUSE_MS);
      // oxlint-disable-next-line no-await-in-loop
      if ((await this.#lostParts(probes)).length === 0) break;
      // oxlint-disable-next-line no-await-in-loop
      state = await fail();
    }
    known.tryingUntil = 0;
  }

  async #lostParts(probes: readonly SystemProbe[]): Promise<string[]> {
    const { probed, clock } = this.#bindings;
    const hasty = probes.map((probe) => ({ ...probe, budgetMs: TRY_MS }));
    const results = await probeSystem({ env: probed, clock }, hasty);
    return results.filter(({ status }) => status === "down").map(({ name }) => name);
  }

  async #tell(
    what: string,
    send: (object: DurableObjectStub<SystemMode>, moment: Moment) => Promise<ModeState>,
  ): Promise<ModeState> {
    try {
      return await this.change(send);
    } catch (error) {
      logError("mode.object-unreachable", { what, error: errorText(error) });
      const { known, clock } = this.#bindings;
      // What was known holds, and is asked for behind answers only: nobody is to wait for each question.
      known.readAt = Math.max(known.readAt, clock.now() - FRESH_MS);
      return this.known;
    }
  }

  #keep(state: ModeState): ModeState {
    const { known, clock } = this.#bindings;
    // An answer that was overtaken by a later one says nothing new.
    if (state.revision >= known.state.revision) known.state = state;
    known.readAt = clock.now();
    return known.state;
  }
}
