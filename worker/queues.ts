import { recordExecutions } from "./control/executions/actions.ts";
import type { Deps } from "./deps.ts";
import type { ExecutionRecord } from "./execution/settle.ts";
import { errorText } from "./lib/error-text.ts";
import { logError } from "./lib/json-log.ts";

/** Longest pause before a batch is tried again, in seconds. */
const LONGEST_RETRY_DELAY = 300;

/** Who consumes which queue. A batch is acknowledged whole or tried again whole; inserting twice changes nothing. */
export async function consume(deps: Deps, batch: MessageBatch<ExecutionRecord>): Promise<void> {
  try {
    await recordExecutions(
      deps,
      batch.messages.map((message) => message.body),
    );
    batch.ackAll();
  } catch (error) {
    const attempts = Math.max(...batch.messages.map((message) => message.attempts));
    logError("outcomes.insert-failed", { records: batch.messages.length, attempts, error: errorText(error) });
    batch.retryAll({ delaySeconds: Math.min(2 ** attempts, LONGEST_RETRY_DELAY) });
  }
}
