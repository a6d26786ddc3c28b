import { HOST_COSTS } from "../costs.ts";
import type { GuestControl } from "../guest-control.ts";
import type { GuestClock } from "./clock.ts";
import { ERRNO, WasiError } from "./errno.ts";
import type { GuestMemory } from "./guest-memory.ts";

const SUBSCRIPTION_BYTES = 48;
const EVENT_BYTES = 32;
/** More events than any program waits for; each becomes an object here. */
const MOST_SUBSCRIPTIONS = 1_024;
const CLOCK = 0;
const FD_READ = 1;
const FD_WRITE = 2;
const ABSOLUTE_TIME = 1;
const NANOSECONDS_PER_MILLISECOND = 1_000_000n;

interface Subscription {
  readonly userdata: bigint;
  readonly tag: number;
  readonly errno: number;
  /** Nanoseconds from now until it is due. */
  readonly delay: bigint;
}

export interface PollContext {
  readonly memory: GuestMemory;
  readonly control: GuestControl;
  readonly clock: GuestClock;
  /** Throws EBADF for a descriptor that is not open. */
  readonly requireOpen: (descriptor: number) => void;
  /** Resolves after so many milliseconds. */
  readonly sleep: (milliseconds: number) => Promise<void>;
}

/**
 * `poll_oneoff`: waits for the first of several events. Streams are ready at once; for a clock the guest really sleeps. A sleep
 * that cannot end before the call's deadline ends the call at once, rather than hold its memory until then.
 */
export async function poll(
  context: PollContext,
  subscriptions: number,
  events: number,
  count: number,
  eventCount: number,
): Promise<number> {
  const { memory, control, clock } = context;
  const pending = readSubscriptions(context, subscriptions, count >>> 0);
  const delay = pending
    .map((subscription) => subscription.delay)
    .reduce((least, next) => (next < least ? next : least));
  if (delay > 0n) {
    const milliseconds = Number((delay + NANOSECONDS_PER_MILLISECOND - 1n) / NANOSECONDS_PER_MILLISECOND);
    if (milliseconds > control.remainingMs()) control.stopAtDeadline(milliseconds);
    await context.sleep(milliseconds);
    control.checkDeadline();
    clock.advance(delay);
  }
  const due = pending.filter((subscription) => subscription.delay <= delay);
  for (const [index, subscription] of due.entries()) {
    writeEvent(memory.view(events + index * EVENT_BYTES, EVENT_BYTES), subscription);
  }
  memory.setUint32(eventCount, due.length);
  return ERRNO.success;
}

function readSubscriptions(context: PollContext, pointer: number, count: number): readonly Subscription[] {
  if (count === 0 || count > MOST_SUBSCRIPTIONS) throw new WasiError(ERRNO.inval);
  const { memory, control } = context;
  const view = memory.view(pointer, count * SUBSCRIPTION_BYTES);
  control.charge(count * HOST_COSTS.subscription);
  return Array.from({ length: count }, (_, index) => readSubscription(context, view, index * SUBSCRIPTION_BYTES));
}

function readSubscription({ clock, requireOpen }: PollContext, view: DataView, at: number): Subscription {
  const userdata = view.getBigUint64(at, true);
  const tag = view.getUint8(at + 8);
  const target = view.getUint32(at + 16, true);
  try {
    if (tag === CLOCK) {
      const timeout = view.getBigUint64(at + 24, true);
      const absolute = (view.getUint16(at + 40, true) & ABSOLUTE_TIME) !== 0;
      const now = clock.peek(target);
      const delay = absolute ? timeout - now : timeout;
      return { userdata, tag, errno: ERRNO.success, delay: delay > 0n ? delay : 0n };
    }
    if (tag !== FD_READ && tag !== FD_WRITE) throw new WasiError(ERRNO.inval);
    requireOpen(target);
    return { userdata, tag, errno: ERRNO.success, delay: 0n };
  } catch (error) {
    if (!(error instanceof WasiError)) throw error;
    return { userdata, tag, errno: error.errno, delay: 0n };
  }
}

function writeEvent(view: DataView, { userdata, errno, tag }: Subscription): void {
  view.setBigUint64(0, userdata, true);
  view.setUint16(8, errno, true);
  view.setUint8(10, tag);
  // Padding, then the bytes ready and the flags of a stream: the input is at its end, and output is not counted.
  for (let at = 11; at < EVENT_BYTES; at += 1) view.setUint8(at, 0);
}
