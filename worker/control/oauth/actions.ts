import * as v from "valibot";
import { PlatformError } from "../../../sdk/contract/errors.ts";
import type { Deps } from "../../deps.ts";
import { namedDestination } from "../../execution/capabilities/http/grant.ts";
import type { OAuthClient } from "../../execution/capabilities/oauth/rules.ts";
import type { Actor } from "../../lib/actor.ts";
import { auditRow } from "../audit-log/rules.ts";
import { newEvent } from "../events/rules.ts";
import { requireInstall, type InstallDeps } from "../installs/actions/change.ts";
import { openContent, sealContent } from "../install-secrets/content-store.ts";
import type { InstallSecret, SecretPlace } from "../install-secrets/secret-record.ts";
import { deleteSecret, getSecret, listSecrets, putSecret, type SecretTrace } from "../install-secrets/store.ts";
import { OAuthClientDetail, OAuthClientSecrets, type OAuthClientInput } from "./schema.ts";

type SealingDeps = { readonly capabilities: Pick<Deps["capabilities"], "values"> };
type OAuthDeps = InstallDeps & SealingDeps;

/** OAuth clients of one install. */
const MOST_CLIENTS = 20;

/** By name. @throws {PlatformError} INSTALL_NOT_FOUND */
export async function listClients(deps: OAuthDeps, actor: Actor, pluginId: string): Promise<InstallSecret[]> {
  const { id: installId } = await requireInstall(deps, actor, pluginId);
  return listSecrets(deps.db, { tenantId: actor.tenantId, installId, kind: "oauth-client" });
}

/**
 * Registers a client, or puts another in its place: tokens got with the one before are not given out any more.
 *
 * @throws {PlatformError} INSTALL_NOT_FOUND; REQUEST_INVALID; QUOTA_EXCEEDED; STATE_CONFLICT where it was changed meanwhile
 */
export async function putClient(
  deps: OAuthDeps,
  actor: Actor,
  pluginId: string,
  provider: string,
  { clientSecret, refreshToken, ...detail }: OAuthClientInput,
): Promise<InstallSecret> {
  requireTokenUrl(detail.tokenUrl);
  const known = await listClients(deps, actor, pluginId);
  const before = known.find(({ name }) => name === provider);
  if (!before && known.length >= MOST_CLIENTS) {
    const limit = { name: "oauthClients", used: known.length, allowed: MOST_CLIENTS };
    throw new PlatformError("QUOTA_EXCEEDED", `An install may have ${MOST_CLIENTS} OAuth clients.`, { limit });
  }
  const { id: installId } = await requireInstall(deps, actor, pluginId);
  const place: SecretPlace = { tenantId: actor.tenantId, installId, kind: "oauth-client", name: provider };
  const sealed = await sealContent(deps.capabilities.values, place, {
    clientSecret,
    refreshToken: refreshToken ?? null,
  });
  const now = deps.clock.now();
  const revision = (before?.revision ?? 0) + 1;
  const row = { ...place, sealed, detail, revision, updatedBy: actor.subject, updatedAt: now };
  const trace = traceOf(deps, actor, pluginId, place, { before: before?.detail, after: detail });
  if (await putSecret(deps.db, row, trace)) return row;
  throw new PlatformError("STATE_CONFLICT", `The OAuth client "${provider}" was changed meanwhile.`);
}

/** @throws {PlatformError} INSTALL_NOT_FOUND, OAUTH_CLIENT_NOT_FOUND */
export async function removeClient(deps: OAuthDeps, actor: Actor, pluginId: string, provider: string): Promise<void> {
  const before = (await listClients(deps, actor, pluginId)).find(({ name }) => name === provider);
  const trace = before && traceOf(deps, actor, pluginId, before, { before: before.detail });
  if (!before || !trace || !(await deleteSecret(deps.db, before, trace))) {
    throw new PlatformError("OAUTH_CLIENT_NOT_FOUND", `The install has no OAuth client "${provider}".`);
  }
}

/** For the token broker. @returns undefined where there is none */
export async function findClient(
  deps: Pick<Deps, "db"> & SealingDeps,
  owner: Pick<SecretPlace, "tenantId" | "installId">,
  provider: string,
): Promise<OAuthClient | undefined> {
  const { tenantId, installId } = owner;
  const place: SecretPlace = { tenantId, installId, kind: "oauth-client", name: provider };
  const row = await getSecret(deps.db, place);
  if (!row) return undefined;
  const secrets = async () =>
    v.parse(OAuthClientSecrets, await openContent(deps.capabilities.values, place, row.sealed));
  // A revision repeats after a deletion; with its time it does not, so that no token of a client that was deleted is found again.
  return { ...v.parse(OAuthClientDetail, row.detail), generation: `${row.revision}.${row.updatedAt}`, secrets };
}

function traceOf(
  deps: OAuthDeps,
  actor: Actor,
  pluginId: string,
  { installId, kind, name: provider }: SecretPlace,
  change: { readonly before?: unknown; readonly after?: unknown },
): SecretTrace {
  const now = deps.clock.now();
  const told = change.after === undefined ? "deleted" : "set";
  const event = newEvent({
    id: deps.newId(),
    tenantId: actor.tenantId,
    pluginId,
    type: "install.secret-changed",
    data: { installId, kind, name: provider, change: told },
    subject: actor.subject,
    createdAt: now,
  });
  const named = (state: unknown) => (state === undefined ? undefined : { provider, ...(state as object) }); // a detail is an object
  const audited = { before: named(change.before), after: named(change.after) };
  const action = change.after === undefined ? "oauth-client.delete" : "oauth-client.set";
  return { event, audit: auditRow(actor, { action, resourceId: pluginId, ...audited }, deps.newId(), now) };
}

function requireTokenUrl(url: string): void {
  try {
    namedDestination(url);
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    const message = error.message.replace(/^url: /, "").replace(/^The request was not sent: /, "");
    throw new PlatformError("REQUEST_INVALID", "The token endpoint cannot be used.", {
      issues: [{ path: "/tokenUrl", message }],
    });
  }
}
