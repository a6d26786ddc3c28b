import { errorText } from "../../../lib/error-text.ts";
import { logError } from "../../../lib/json-log.ts";
import type { AuditBell } from "../run-record.ts";
import { abandonChunk, runChunk, type AuditDeps } from "./run-chunk.ts";

/** Longest pause before a chunk is tried again, in seconds. */
const LONGEST_RETRY_DELAY = 300;

/** Audits the chunks of a batch, each acknowledged or tried again by itself. */
export async function auditChunks(deps: AuditDeps, messages: readonly Message<AuditBell>[]): Promise<void> {
  await eachMessage(messages, "audit.chunk-failed", (bell) => runChunk(deps, bell));
}

/** Ends the chunks that were given up. */
export async function abandonChunks(deps: AuditDeps, messages: readonly Message<AuditBell>[]): Promise<void> {
  await eachMessage(messages, "audit.chunk-not-abandoned", (bell) => abandonChunk(deps, bell));
}

async function eachMessage(
  messages: readonly Message<AuditBell>[],
  failure: string,
  work: (bell: AuditBell) => Promise<void>,
): Promise<void> {
  for (const message of messages) {
    const { body, attempts } = message;
    try {
      await work(body);
      message.ack();
    } catch (error) {
      logError(failure, { auditId: body.auditId, chunk: body.number, attempts, error: errorText(error) });
      message.retry({ delaySeconds: Math.min(2 ** attempts, LONGEST_RETRY_DELAY) });
    }
  }
}
