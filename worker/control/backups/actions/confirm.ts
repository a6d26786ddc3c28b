import type { Actor } from "../../../lib/actor.ts";
import { toHex } from "../../../lib/hex.ts";
import { CONFIRMATION_MS } from "../restore-rules.ts";
import { backupKeyRing } from "../tenant-key-store.ts";
import type { BackupDeps } from "./context.ts";

/** Confirmations of plans: for a short time, for the subject that asked, and for the very same plan only. */

type ConfirmDeps = Pick<BackupDeps, "env" | "clock">;

export interface Confirmation {
  readonly confirmation: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** @param purpose  what would be done with the plan: a confirmation of one thing is none of another */
export async function confirm(deps: ConfirmDeps, purpose: string, actor: Actor, plan: object): Promise<Confirmation> {
  const expiresAt = deps.clock.now() + CONFIRMATION_MS;
  return { confirmation: `${expiresAt}.${await signed(deps, purpose, actor, plan, expiresAt)}`, expiresAt };
}

/** @returns why the confirmation does not hold; undefined: it does */
export async function refuseConfirmation(
  deps: ConfirmDeps,
  purpose: string,
  actor: Actor,
  plan: object,
  confirmation: string,
): Promise<string | undefined> {
  const expiresAt = Number(confirmation.split(".", 1)[0]);
  if (!(expiresAt > deps.clock.now())) return "The confirmation has expired; look at the plan again.";
  if (confirmation === `${expiresAt}.${await signed(deps, purpose, actor, plan, expiresAt)}`) return undefined;
  return "The confirmation is of another plan: what there is has changed since, or the request is another. Look at the plan again.";
}

async function signed(
  { env }: ConfirmDeps,
  purpose: string,
  { subject, tenantId }: Actor,
  plan: object,
  expiresAt: number,
): Promise<string> {
  const ring = backupKeyRing(env);
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", ring.keys[ring.current] ?? new Uint8Array(), algorithm, false, [
    "sign",
  ]);
  const text = JSON.stringify([purpose, plan, subject, tenantId, expiresAt]);
  return toHex(await crypto.subtle.sign("HMAC", key, new TextEncoder().encode(text)));
}
