import * as v from "valibot";
import { newStandardSecret } from "../../../../sdk/contract/standard-webhooks.ts";
import type { Deps } from "../../../deps.ts";
import { SYSTEM_SUBJECT } from "../../events/rules.ts";
import { openContent, sealContent } from "../../install-secrets/content-store.ts";
import type { InstallSecret, SecretPlace } from "../../install-secrets/secret-record.ts";
import { SigningSecret, type SignedBy } from "../signing-record.ts";
import { getSecret, insertSecretIfAbsent } from "../../install-secrets/store.ts";

export type SigningDeps = Pick<Deps, "db" | "clock" | "randomBytes"> & {
  readonly capabilities: Pick<Deps["capabilities"], "values">;
};

type Owner = Pick<SecretPlace, "tenantId" | "installId">;

export function signingPlace({ tenantId, installId }: Owner): SecretPlace {
  return { tenantId, installId, kind: "webhook-signing", name: "" };
}

/** The install's secret, made where it has none yet. */
export async function requireSigning(deps: SigningDeps, owner: Owner): Promise<SignedBy> {
  const place = signingPlace(owner);
  const { values } = deps.capabilities;
  const row = (await getSecret(deps.db, place)) ?? (await makeSigning(deps, place));
  return { row, secret: v.parse(SigningSecret, await openContent(values, place, row.sealed)) };
}

async function makeSigning(deps: SigningDeps, place: SecretPlace): Promise<InstallSecret> {
  const secret: SigningSecret = { current: newStandardSecret(deps.randomBytes), previous: null };
  const sealed = await sealContent(deps.capabilities.values, place, secret);
  const times = { revision: 1, updatedBy: SYSTEM_SUBJECT, updatedAt: deps.clock.now() };
  const row = { ...place, sealed, detail: {}, ...times };
  await insertSecretIfAbsent(deps.db, row);
  return (await getSecret(deps.db, place)) ?? row; // somebody else's, where they were faster
}

/** Secrets that sign now, the newest first. */
export function signingSecrets({ current, previous }: SigningSecret, now: number): string[] {
  return previous && previous.until > now ? [current, previous.secret] : [current];
}
