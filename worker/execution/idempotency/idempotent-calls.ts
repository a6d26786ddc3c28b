import { idempotencyKeyOf } from "../../../durable-objects/idempotency/client.ts";
import type { Claim, IdempotencyKey } from "../../../durable-objects/idempotency/object.ts";
import { ANSWER_BYTES, type KeptAnswer } from "../../../durable-objects/idempotency/rules.ts";
import { PlatformError } from "../../../sdk/contract/errors.ts";
import { sha256Hex } from "../../lib/hex.ts";
import { errorText } from "../../lib/error-text.ts";
import { logError } from "../../lib/json-log.ts";
import { REPLAYED_HEADER } from "./key-rules.ts";

/** A request that must run once. */
export interface KeyedRequest {
  readonly tenantId: string;
  readonly pluginId: string;
  readonly functionName: string;
  readonly key: string;
  readonly contentType: string;
  readonly body: Uint8Array;
}

/** An answer and whether later calls with the key get it too; if not, they run. */
export interface FirstAnswer {
  readonly response: Response;
  readonly keep: boolean;
}

/** Tries of one message to the key's object; each may be repeated without harm. */
const TRIES = 3;

type KeyStub = DurableObjectStub<IdempotencyKey>;

/** Requests with an idempotency key: the first runs, the others get its answer. */
export class IdempotentCalls {
  readonly #namespace: DurableObjectNamespace<IdempotencyKey>;
  readonly #defer: (work: Promise<unknown>) => void;

  constructor(namespace: DurableObjectNamespace<IdempotencyKey>, defer: (work: Promise<unknown>) => void) {
    this.#namespace = namespace;
    this.#defer = defer;
  }

  /**
   * @param run  makes the answer; what it throws is thrown on, and the key is free again
   * @throws {PlatformError} IDEMPOTENCY_UNAVAILABLE where the key's object does not answer: nothing ran;
   *   IDEMPOTENCY_MISMATCH; IDEMPOTENCY_ANSWER_LOST
   */
  async answer(request: KeyedRequest, run: () => Promise<FirstAnswer>): Promise<Response> {
    const { tenantId, pluginId, functionName, key } = request;
    const digest = await sha256Hex(JSON.stringify([pluginId, functionName, key]));
    const stub = (): KeyStub => idempotencyKeyOf(this.#namespace, tenantId, digest);
    const token = crypto.randomUUID();
    const claim = await this.#claim(stub, token, await fingerprintOf(request));
    if (claim.answer) return replayed(claim.answer);
    if (claim.decision !== "run") throw refusal(claim.decision);
    const work = this.#runOnce(stub, token, run);
    // A caller who hangs up retries with the same key: the call must end and its answer be kept for that retry.
    this.#defer(work.catch(() => undefined));
    return await work;
  }

  async #claim(stub: () => KeyStub, token: string, fingerprint: string): Promise<Claim> {
    try {
      return await repeated(async () => await stub().claim({ token, fingerprint }));
    } catch (cause) {
      throw new PlatformError("IDEMPOTENCY_UNAVAILABLE", "The idempotency key could not be checked; nothing ran.", {
        cause,
      });
    }
  }

  async #runOnce(stub: () => KeyStub, token: string, run: () => Promise<FirstAnswer>): Promise<Response> {
    let first: FirstAnswer;
    try {
      first = await run();
    } catch (error) {
      await this.#tell("release", () => stub().release(token));
      throw error;
    }
    if (!first.keep) {
      await this.#tell("release", () => stub().release(token));
      return first.response;
    }
    const answer = await answerOf(first.response);
    await this.#tell("complete", () => stub().complete(token, answer));
    return toResponse(answer);
  }

  /** The caller gets its answer all the same. A key left running turns into IDEMPOTENCY_ANSWER_LOST, never into a second run. */
  async #tell(message: "complete" | "release", send: () => Promise<void>): Promise<void> {
    try {
      await repeated(send);
    } catch (error) {
      logError("idempotency.not-told", { message, error: errorText(error) });
    }
  }
}

async function repeated<T>(send: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await send();
    } catch (error) {
      if (attempt === TRIES) throw error;
    }
  }
}

async function fingerprintOf({ contentType, body }: KeyedRequest): Promise<string> {
  return sha256Hex(JSON.stringify([contentType.toLowerCase(), await sha256Hex(body)]));
}

function refusal(decision: Exclude<Claim["decision"], "run">): PlatformError {
  if (decision === "mismatch") {
    return new PlatformError(
      "IDEMPOTENCY_MISMATCH",
      "The idempotency key was first used with another body or content type; take a new key for a new request.",
    );
  }
  const why =
    decision === "lost"
      ? "The first call with this idempotency key may have run, but never said how it ended"
      : `The first call with this idempotency key ran, but its answer has more than the ${ANSWER_BYTES} bytes that are kept`;
  return new PlatformError("IDEMPOTENCY_ANSWER_LOST", `${why}; take a new key to run it again.`);
}

async function answerOf(response: Response): Promise<KeptAnswer> {
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    body: new Uint8Array(await response.arrayBuffer()),
  };
}

function toResponse({ status, headers, body }: KeptAnswer): Response {
  return new Response(body as Uint8Array<ArrayBuffer>, { status, headers }); // never shared memory
}

function replayed(answer: KeptAnswer): Response {
  const response = toResponse(answer);
  response.headers.set(REPLAYED_HEADER, "true");
  return response;
}
