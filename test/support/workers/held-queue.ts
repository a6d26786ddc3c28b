import { createExecutionContext, createMessageBatch, getQueueResult } from "cloudflare:test";
import type { FaultyApp } from "./faulty-app.ts";
import { consume } from "../../../worker/queues.ts";

interface HeldMessage {
  readonly id: string;
  readonly body: unknown;
  attempts: number;
}

/** A queue that delivers when a test says so, and counts attempts as the real one does. */
export class HeldQueue {
  readonly messages: HeldMessage[] = [];
  #sent = 0;

  send(body: unknown): Promise<void> {
    this.messages.push({ id: `held-${++this.#sent}`, body, attempts: 1 });
    return Promise.resolve();
  }

  async sendBatch(batch: Iterable<{ readonly body: unknown }>): Promise<void> {
    for (const { body } of batch) await this.send(body);
  }

  metrics(): Promise<{ readonly backlogCount: number; readonly backlogBytes: number }> {
    return Promise.resolve({ backlogCount: 0, backlogBytes: 0 });
  }

  /** Hands everything that waits to the worker's consumer. What it does not acknowledge waits on. */
  async deliver(app: FaultyApp, name: string): Promise<void> {
    const waiting = [...this.messages];
    if (waiting.length === 0) return;
    const sent = waiting.map((message) => ({ ...message, timestamp: new Date(app.clock.now()) }));
    const batch = createMessageBatch(name, sent);
    const failed = await app.run((deps) =>
      consume(deps, batch).then(
        () => false,
        () => true,
      ),
    );
    const context = createExecutionContext();
    const { ackAll, explicitAcks, retryMessages } = await getQueueResult(batch, context);
    const retried = new Set(retryMessages.map(({ msgId }) => msgId));
    const isDone = ({ id }: HeldMessage): boolean =>
      !failed && !retried.has(id) && (ackAll || explicitAcks.includes(id) || name.endsWith("-dead"));
    this.messages.splice(0, waiting.length, ...waiting.filter((message) => !isDone(message)));
    for (const message of waiting) message.attempts += 1;
  }
}
