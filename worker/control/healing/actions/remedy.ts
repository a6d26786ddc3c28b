import type { Deps } from "../../../deps.ts";
import type { Actor } from "../../../lib/actor.ts";
import type { Install } from "../../installs/schema.ts";

/** What a remedy is asked to do. */
export interface RemedyRequest {
  readonly actor: Actor;
  readonly install: Install;
  readonly reason: string;
  readonly traceId: string;
}

/** What a remedy did. */
export interface Applied {
  /** A sentence for people. */
  readonly done: string;
  /** True where the remedy has seen for itself that the cause is gone. */
  readonly proved?: boolean;
  /** Takes it back; absent where there is nothing to take back. */
  readonly undo?: () => Promise<unknown>;
}

/** @throws {PlatformError} where it cannot be done, saying why */
export type RemedyAction = (deps: Deps, request: RemedyRequest) => Promise<Applied>;
