import { DurableObject } from "cloudflare:workers";
import type { Mode } from "../../sdk/contract/modes.ts";
import {
  chosen,
  failed,
  FIRST_STATE,
  judged,
  probed,
  PROBE_PAUSE_MS,
  UNTOLD,
  type ModeActor,
  type ModeMove,
  type ModeState,
} from "./rules.ts";

const STATE = "state";
const MOVES = "moves";

/** When something happened, and the id that a move it leads to gets. */
export interface Moment {
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** The platform's mode. It asks nobody: what failed, what was probed and what operators decide is told to it. */
export class SystemMode extends DurableObject {
  async read(): Promise<ModeState> {
    return { ...FIRST_STATE, ...(await this.ctx.storage.get<ModeState>(STATE)) };
  }

  failed(part: string, count: number, moment: Moment): Promise<ModeState> {
    return this.#change(moment, (state) => failed(state, part, count, moment.now));
  }

  /** @returns whether the caller is to probe: one at a time does, for all */
  async claimProbe(now: number): Promise<{ readonly state: ModeState; readonly claimed: boolean }> {
    const state = await this.read();
    if (now - state.probedAt < PROBE_PAUSE_MS) return { state, claimed: false };
    await this.ctx.storage.put(STATE, { ...state, probedAt: now });
    return { state, claimed: true };
  }

  probed(lost: readonly string[], moment: Moment): Promise<ModeState> {
    return this.#change(moment, (state) => probed(state, lost, moment.now));
  }

  choose(choice: { readonly mode: Mode; readonly reason: string }, by: ModeActor, moment: Moment): Promise<ModeState> {
    return this.#change(moment, (state) => chosen(state, choice, moment.now), by);
  }

  judged(
    judgement: { readonly digest: string; readonly dangers: readonly string[] },
    moment: Moment,
  ): Promise<ModeState> {
    return this.#change(moment, (state) => judged(state, judgement, moment.now));
  }

  /** Keeps what the settings say, for the time when they cannot be read. */
  async learn(settings: Pick<ModeState, "threshold" | "autoRecovery">): Promise<ModeState> {
    const state = { ...(await this.read()), ...settings };
    await this.ctx.storage.put(STATE, state);
    return state;
  }

  /** Moves that are not recorded yet, oldest first. */
  async untold(): Promise<readonly ModeMove[]> {
    return (await this.ctx.storage.get<ModeMove[]>(MOVES)) ?? [];
  }

  async told(ids: readonly string[]): Promise<void> {
    const rest = (await this.untold()).filter(({ id }) => !ids.includes(id));
    await this.ctx.storage.put(MOVES, rest);
  }

  async #change(
    { id, now }: Moment,
    decide: (state: ModeState) => ModeState,
    by: ModeActor | null = null,
  ): Promise<ModeState> {
    const state = await this.read();
    const next = decide(state);
    if (next === state) return state;
    await this.ctx.storage.put(STATE, next);
    if (next.revision === state.revision) return next;
    const { mode: to, reason, cause } = next;
    const moved: ModeMove = { id, from: state.mode, to, at: now, reason, cause, by };
    await this.ctx.storage.put(MOVES, [...(await this.untold()), moved].slice(-UNTOLD));
    return next;
  }
}
