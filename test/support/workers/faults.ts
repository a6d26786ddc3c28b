import type { Clock } from "../../../worker/lib/clock.ts";
import { Random } from "../../fuzz/metering/random.ts";
import { kindOf, OUTAGES, throughFaults, type BindingKind, type Through } from "./faulty-bindings.ts";

/**
 * Any binding made slow, failing or partial, around the real one. A test takes `faults.env` for its worker, injects a fault
 * and takes it away again:
 *
 *     const faults = new Faults(env);
 *     faults.inject("DB", fails(after(2)));
 *     …
 *     faults.heal();
 */

type Service = D1Database | R2Bucket | Queue<never> | DurableObjectNamespace | WorkerLoader;
/** A binding that can be made faulty. */
export type Part = { [Name in keyof Env]-?: Env[Name] extends Service ? Name : never }[keyof Env];

/** Whether a fault strikes an operation. @param call  its number since the fault was injected, from 1 */
export type Occasion = (call: number) => boolean;

export const always: Occasion = () => true;

export function first(count: number): Occasion {
  return (call) => call <= count;
}

export function after(count: number): Occasion {
  return (call) => call > count;
}

/** The same operations for the same seed. @param probability  0 to 1 */
export function sometimes(probability: number, seed: number): Occasion {
  const random = new Random(seed);
  return () => random.uint32() / 2 ** 32 < probability;
}

type Effect =
  | { readonly kind: "fails"; readonly message?: string }
  | { readonly kind: "loses-answer"; readonly message?: string }
  | { readonly kind: "waits"; readonly pass: () => Promise<void> }
  | { readonly kind: "hangs"; readonly clock: SteppingClock; readonly applied: boolean }
  | { readonly kind: "truncates"; readonly bytes: number };

export interface Fault {
  readonly effect: Effect;
  readonly when: Occasion;
  /** Operations that it strikes and counts, such as `put`, or a method of an object; absent: all. */
  readonly operations?: readonly string[];
}

/** The service does nothing and says so. @param message  absent: what the service says when it is away */
export function fails(when: Occasion = always, message?: string): Fault {
  return { effect: { kind: "fails", ...(message === undefined ? {} : { message }) }, when };
}

/** The service does what it was asked, and the caller is told that it failed: rows are written, messages are sent. */
export function losesAnswer(when: Occasion = always, message?: string): Fault {
  return { effect: { kind: "loses-answer", ...(message === undefined ? {} : { message }) }, when };
}

/** Operations wait until the gate is opened. */
export function waitsFor(gate: Gate, when: Occasion = always): Fault {
  return { effect: { kind: "waits", pass: () => gate.pass() }, when };
}

/** Each operation takes so long by the test's clock, and no time at all. */
export function takes(milliseconds: number, clock: SteppingClock, when: Occasion = always): Fault {
  return { effect: { kind: "waits", pass: async () => clock.advance(milliseconds) }, when };
}

/**
 * Operations never answer, and time goes on by the test's clock until whoever asked gives up.
 *
 * @param applied  whether the service does what it was asked all the same
 */
export function hangs(clock: SteppingClock, applied = false, when: Occasion = always): Fault {
  return { effect: { kind: "hangs", clock, applied }, when };
}

/** What is read from a bucket ends after so many bytes, without an error. */
export function truncates(bytes: number, when: Occasion = always): Fault {
  return { effect: { kind: "truncates", bytes }, when };
}

/** The fault for some operations only. */
export function on(operations: readonly string[], fault: Fault): Fault {
  return { ...fault, operations };
}

/** Holds operations up until a test lets them go. */
export class Gate {
  readonly #waiting: (() => void)[] = [];
  #isOpen = false;

  /** Operations that wait now. */
  get waiting(): number {
    return this.#waiting.length;
  }

  async pass(): Promise<void> {
    if (this.#isOpen) return;
    await new Promise<void>((resolve) => void this.#waiting.push(resolve));
  }

  open(): void {
    this.#isOpen = true;
    for (const release of this.#waiting.splice(0)) release();
  }
}

/** Time that passes only when a test says so. */
export class SteppingClock implements Clock {
  readonly #alarms = new Set<{ readonly at: number; readonly ring: () => void }>();
  #now: number;

  constructor(now: number = Date.now()) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  alarm(milliseconds: number, ring: () => void): () => void {
    const alarm = { at: this.#now + milliseconds, ring };
    this.#alarms.add(alarm);
    return () => void this.#alarms.delete(alarm);
  }

  advance(milliseconds: number): void {
    this.#now += milliseconds;
    for (const alarm of this.#alarms) {
      if (alarm.at > this.#now) continue;
      this.#alarms.delete(alarm);
      alarm.ring();
    }
  }

  /** When the alarm rings that was set last, in milliseconds since the epoch; undefined: none is set. */
  get latestAlarm(): number | undefined {
    return [...this.#alarms].at(-1)?.at;
  }
}

interface Injected {
  readonly fault: Fault;
  calls: number;
}

/** An environment whose services fail when and how a test says. Without a fault it is the real one. */
export class Faults {
  readonly env: Env;
  /** Every binding that can be made faulty. */
  readonly parts: readonly Part[];
  readonly #injected = new Map<string, Injected>();
  readonly #uses: { readonly part: string; readonly operation: string }[] = [];
  #strikes = 0;

  constructor(env: Env) {
    const services = Object.entries(env).flatMap(([part, binding]) => {
      const kind = kindOf(binding);
      return kind ? [[part, throughFaults(binding, kind, this.#throughOf(part, kind))] as const] : [];
    });
    this.env = { ...env, ...Object.fromEntries(services) };
    this.parts = services.map(([part]) => part as Part); // a service by its kind
  }

  /** Replaces the fault that the part had. */
  inject(part: Part, fault: Fault): void {
    this.#injected.set(part, { fault, calls: 0 });
  }

  /** @param part  absent: all of them */
  heal(part?: Part): void {
    if (part === undefined) this.#injected.clear();
    else this.#injected.delete(part);
  }

  /** Operations that any fault has struck so far. */
  get strikes(): number {
    return this.#strikes;
  }

  /** Operations asked of a part so far, struck ones included, by name. */
  uses(part: Part): readonly string[] {
    return this.#uses.filter((use) => use.part === part).map(({ operation }) => operation);
  }

  #throughOf(part: string, kind: BindingKind): Through {
    return async (operation, run, shorten) => {
      this.#uses.push({ part, operation });
      const effect = this.#effectOn(part, operation);
      if (!effect) return run();
      if (effect.kind === "waits") await effect.pass();
      if (effect.kind === "fails") throw outage(kind, operation, effect.message);
      if (effect.kind === "hangs") {
        const { clock, applied } = effect;
        // Whoever asks sets its alarm just before. Who sets none waits for ever.
        const end = clock.latestAlarm ?? 0;
        if (applied) await run().catch(() => undefined); // there is nobody to tell of its end
        clock.advance(Math.max(0, end - clock.now()));
        return new Promise<never>(() => undefined);
      }
      const answer = await run();
      if (effect.kind === "loses-answer") throw outage(kind, operation, effect.message);
      return effect.kind === "truncates" && shorten ? shorten(answer, effect.bytes) : answer;
    };
  }

  #effectOn(part: string, operation: string): Effect | undefined {
    const injected = this.#injected.get(part);
    if (!injected) return undefined;
    const { operations, when, effect } = injected.fault;
    if (operations && !operations.includes(operation)) return undefined;
    injected.calls += 1;
    if (!when(injected.calls)) return undefined;
    this.#strikes += 1;
    return effect;
  }
}

/** An error as the service itself throws it. Those of objects say that they may be tried again. */
function outage(kind: BindingKind, operation: string, message: string = OUTAGES[kind]): Error {
  const error = new Error(kind === "bucket" ? `${operation}: ${message}` : message);
  return kind === "objects" ? Object.assign(error, { remote: true, retryable: true }) : error;
}
