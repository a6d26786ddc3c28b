import type { LogLine, SandboxFailure, SandboxOutcome } from "../contract/sandbox.ts";
import type { Metric } from "./effects.ts";
import type { CallResult } from "./production-program.ts";

/** One capability call of a plugin's call, as plain values that fit a snapshot. */
export interface HostCall {
  readonly name: string;
  readonly request: unknown;
  readonly body?: string;
  readonly answer: unknown;
  readonly answerBody?: string;
}

/** A call of a plugin in a test that expected it to succeed. */
export class PluginCallError extends Error {
  override readonly name = "PluginCallError";
  /** Of docs/errors.md. */
  readonly code: string;

  constructor({ code, detail }: SandboxFailure) {
    super(`${code}: ${detail}`);
    this.code = code;
  }
}

/** What a call came to. */
export class PluginCall {
  readonly #outcome: SandboxOutcome;
  readonly hostCalls: readonly HostCall[];
  readonly metrics: readonly Metric[];

  constructor({ outcome, exchanges, metrics }: CallResult) {
    this.#outcome = outcome;
    this.hostCalls = exchanges.map(readExchange);
    this.metrics = metrics;
  }

  get failure(): SandboxFailure | undefined {
    return this.#outcome.failure;
  }

  /** Weighted units, the same as in production. */
  get fuel(): number {
    return this.#outcome.usage.fuel;
  }

  get memoryBytes(): number {
    return this.#outcome.usage.memoryBytes;
  }

  get logs(): readonly LogLine[] {
    return this.#outcome.logs;
  }

  /** @throws {PluginCallError} where the call failed */
  bytes(): Uint8Array {
    if (this.#outcome.failure) throw new PluginCallError(this.#outcome.failure);
    return this.#outcome.output ?? new Uint8Array();
  }

  /** @throws {PluginCallError} where the call failed */
  text(): string {
    return new TextDecoder().decode(this.bytes());
  }

  /**
   * The output as JSON, undefined where there is none.
   *
   * @throws {PluginCallError} where the call failed
   */
  json(): unknown {
    const text = this.text();
    return text === "" ? undefined : JSON.parse(text);
  }
}

function readExchange({ request, answer }: CallResult["exchanges"][number]): HostCall {
  return {
    name: request.name,
    request: request.request.byteLength === 0 ? {} : JSON.parse(decodeText(request.request)),
    ...(request.body ? { body: decodeText(request.body) } : {}),
    answer: JSON.parse(decodeText(answer.answer)),
    ...(answer.body ? { answerBody: decodeText(answer.body) } : {}),
  };
}

function decodeText(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
