import { PlatformError } from "../../../sdk/contract/errors.ts";
import type { Clock } from "../../lib/clock.ts";
import type { IdSource } from "../../lib/ulid.ts";
import type { Snapshot } from "../snapshot.ts";
import { batchesOf, deliveriesOf, type BusMessage, type NewMessage } from "./rules.ts";

/** Most that a queue takes at once is 100 messages and 256 KB; the rest is for what it adds to each. */
const QUEUE_BATCH = { count: 100, bytes: 200 * 1024 } as const;
/** Tries of one batch; what is sent twice is delivered once. */
const TRIES = 3;

export interface Published {
  readonly id: string;
  /** Functions that will get it. */
  readonly subscribers: number;
}

/** Takes messages to the queue, one for each subscriber that the tenant's snapshot names. Touches no D1. */
export class Publisher {
  readonly #queue: Queue<BusMessage>;
  readonly #clock: Clock;
  readonly #newId: IdSource;

  constructor(queue: Queue<BusMessage>, clock: Clock, newId: IdSource) {
    this.#queue = queue;
    this.#clock = clock;
    this.#newId = newId;
  }

  /**
   * Answers once the queue holds the message for every subscriber.
   *
   * @throws {PlatformError} MESSAGE_TOO_LARGE, MESSAGE_HOPS_EXCEEDED; BUS_UNAVAILABLE where the queue took not all:
   *   publish again with the same id, and those who got it are not run again
   */
  async publish(snapshot: Snapshot, message: NewMessage): Promise<Published> {
    const id = message.id ?? this.#newId();
    const messages = deliveriesOf(snapshot, { ...message, id }, this.#clock.now());
    await this.send(messages);
    return { id, subscribers: messages.filter(({ kind }) => kind === "delivery").length };
  }

  /** @throws {PlatformError} BUS_UNAVAILABLE */
  async send(messages: readonly BusMessage[]): Promise<void> {
    for (const batch of batchesOf(messages, QUEUE_BATCH)) await this.#sendBatch(batch);
  }

  async #sendBatch(batch: readonly BusMessage[]): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#queue.sendBatch(batch.map((body) => ({ body })));
        return;
      } catch (cause) {
        if (attempt < TRIES) continue;
        throw new PlatformError("BUS_UNAVAILABLE", "The queue did not take the message for every subscriber.", {
          cause,
        });
      }
    }
  }
}
