import { rule, type Found } from "./rule-record.ts";
import type { ExpiryFact } from "./facts-record.ts";

/** What will stop working, or keeps stopping. */

const DAY_MS = 86_400_000;
/** An API key that expires within this time is told of; within the second it is urgent. */
export const KEY_EXPIRY_MS = { soon: 14 * DAY_MS, urgent: 3 * DAY_MS } as const;
/** A secret that was replaced is told of in the last hours in which it signs. */
export const REPLACED_SECRET_MS = 6 * 3_600_000;
/** A breaker that opens so often in a day opens and closes without anything getting better. */
export const FLAPS_PER_DAY = 4;

function expiring(secrets: readonly ExpiryFact[], now: number, within: number): readonly ExpiryFact[] {
  return secrets.filter(({ expiresAt }) => expiresAt > now && expiresAt - now <= within);
}

export const STABILITY_RULES = {
  "key.expiring": rule(
    "keys",
    {
      severity: "medium",
      title: "an API key of the tenant expires within 14 days; high within 3",
      remedy: { action: "none", text: "Make a new key, give it to whoever uses the old one, and revoke that." },
    },
    (keys, now) =>
      expiring(keys, now, KEY_EXPIRY_MS.soon).map(({ id, name, expiresAt }): Found => ({
        key: id,
        evidence: { keyId: id, name, expiresAt },
        ...(expiresAt - now <= KEY_EXPIRY_MS.urgent ? { severity: "high" } : {}),
      })),
  ),
  "webhook-secret.ending": rule(
    "replacedSecrets",
    {
      severity: "low",
      title: "a replaced secret of the install's webhooks signs for less than 6 hours more",
      remedy: { action: "none", text: "Make sure that every receiver knows the new secret." },
    },
    (secrets, now) =>
      expiring(secrets, now, REPLACED_SECRET_MS).map(({ id, expiresAt }) => ({ key: id, evidence: { expiresAt } })),
  ),
  "breaker.flapping": rule(
    "breaker",
    {
      severity: "high",
      title: `the circuit breaker opened ${FLAPS_PER_DAY} times or more within a day`,
      remedy: { action: "safe-mode", text: "Run it in safe mode until its failures are understood." },
    },
    ({ opened }) => (opened >= FLAPS_PER_DAY ? [{ evidence: { opened, withinMs: DAY_MS } }] : []),
  ),
  "install.failed": rule(
    "state",
    {
      severity: "high",
      title: "the install is in error and takes no calls",
      remedy: { action: "restart", text: "Restart the plugin." },
    },
    ({ state, since }) => (state === "error" ? [{ evidence: { since } }] : []),
  ),
} as const;
