import { EVENTS, type EventSpec, type EventType } from "../../../sdk/contract/events.ts";
import { PlatformError, type ErrorCode } from "../../../sdk/contract/errors.ts";
import { open, seal } from "../../lib/envelope.ts";
import { keyOf, parseKeyRing } from "../../lib/key-ring.ts";
import type { SealedSecret, Webhook } from "./webhook-record.ts";

/** Webhooks of one tenant. */
export const WEBHOOKS = 20;
export const WEBHOOK_ATTEMPTS = 8;
/** How long a receiver may take to answer. Milliseconds. */
export const WEBHOOK_TIMEOUT_MS = 10_000;
/** An attempt that has said nothing by then was cut off. Milliseconds; longer than the timeout. */
export const ATTEMPT_LEASE_MS = 60_000;

/** Pause after the first failed attempt, in seconds; each further one is three times as long: 3 h together. */
const FIRST_DELAY = 10;

/**
 * Seconds until the next attempt, with up to a quarter taken off.
 *
 * @param attempt  number of the attempt that failed, from 1
 * @param random   0 to 1
 */
export function webhookBackoff(attempt: number, random: number): number {
  return Math.round(FIRST_DELAY * 3 ** (attempt - 1) * (1 - random / 4));
}

export function wantsEvent({ types }: Pick<Webhook, "types">, type: EventType): boolean {
  const spec: EventSpec = EVENTS[type];
  return spec.webhooks !== false && (types.length === 0 || types.includes(type));
}

/** What an answer means; undefined: the receiver took it. Redirects are not followed: the receiver's URL is to be mended. */
export function failureOf(status: number): ErrorCode | undefined {
  return status >= 200 && status < 300 ? undefined : "WEBHOOK_REFUSED";
}

type Owner = Pick<Webhook, "id" | "tenantId">;

/**
 * @param ring         the secret CONFIG_KEYS
 * @param randomBytes  must be cryptographic
 */
export async function sealWebhookSecret(
  ring: string,
  owner: Owner,
  secret: string,
  randomBytes: (length: number) => Uint8Array,
): Promise<SealedSecret> {
  const { current, keys } = parseKeyRing("CONFIG_KEYS", ring);
  const content = Uint8Array.from(new TextEncoder().encode(secret));
  const bytes = await seal(content, ringKey({ current, keys }, current), contextOf(owner), randomBytes);
  return { key: current, sealed: btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")) };
}

/** @throws {PlatformError} CONFIG_KEY_UNKNOWN, CONFIG_UNREADABLE; NOT_READY */
export async function openWebhookSecret(ring: string, owner: Owner, secret: SealedSecret): Promise<string> {
  const key = ringKey(parseKeyRing("CONFIG_KEYS", ring), secret.key);
  try {
    const sealed = Uint8Array.from(atob(secret.sealed), (character) => character.charCodeAt(0));
    return new TextDecoder().decode(await open(sealed, key, contextOf(owner)));
  } catch (cause) {
    throw new PlatformError("CONFIG_UNREADABLE", `The secret of webhook ${owner.id} fails authentication.`, { cause });
  }
}

function ringKey(ring: ReturnType<typeof parseKeyRing>, id: string): Uint8Array<ArrayBuffer> {
  return keyOf(ring, id, { code: "CONFIG_KEY_UNKNOWN", what: "The secret of a webhook" });
}

function contextOf({ tenantId, id }: Owner): readonly string[] {
  return ["patchbay webhook", tenantId, id];
}
