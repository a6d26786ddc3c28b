import { PlatformError } from "../../../sdk/contract/errors.ts";
import { PLATFORM_TENANT } from "../../../sdk/contract/identifiers.ts";
import type { Role } from "../../../sdk/contract/roles.ts";
import type { Deps } from "../../deps.ts";
import type { Snapshot } from "../../execution/snapshot.ts";
import type { Actor } from "../../lib/actor.ts";
import { verifyApiKey } from "./api-key.ts";
import { credentialsOf } from "./credentials.ts";
import { parseIssuers } from "./issuers.ts";
import { TokenVerifier, type VerifiedClaims } from "./token-verifier.ts";

export type AuthenticationDeps = Pick<Deps, "snapshots" | "clock"> & { readonly env: Pick<Env, "AUTH_ISSUERS"> };

/** The verifier of the variable's present text: it never changes within a deployment, and holds keys and verified tokens. */
let current: { readonly variable: string; readonly verifier: TokenVerifier } | undefined;

/**
 * Who makes the request. Reads memory and the tenant's snapshot, never D1.
 *
 * @throws {PlatformError} AUTHENTICATION_REQUIRED, TOKEN_INVALID, TENANT_UNKNOWN; NOT_READY, SNAPSHOT_UNAVAILABLE
 */
export async function authenticate(deps: AuthenticationDeps, headers: Headers): Promise<Actor> {
  const credentials = credentialsOf(headers);
  const now = deps.clock.now();
  if (credentials.kind === "token") {
    const claims = await verifierOf(deps.env.AUTH_ISSUERS).verify(credentials.text, now);
    return actorOf(claims, await deps.snapshots.read(claims.tenantId));
  }
  const verified = await verifyApiKey(credentials.text, (tenantId) => deps.snapshots.read(tenantId), now);
  if (!verified) throw new PlatformError("TOKEN_INVALID", "The API key is not valid.");
  if (verified.snapshot.status !== "active") throw tenantUnknown(verified.actor.tenantId);
  return verified.actor;
}

/** A token without roles gets those of the tenant's member of that name. */
function actorOf({ tenantId, subject, roles }: VerifiedClaims, snapshot: Snapshot | undefined): Actor {
  if (!isActive(tenantId, snapshot)) throw tenantUnknown(tenantId);
  return { tenantId, subject, roles: roles ?? memberRoles(snapshot, subject) };
}

/** The platform tenant always is: its admins make the first tenants, before any snapshot was compiled. */
function isActive(tenantId: string, snapshot: Snapshot | undefined): boolean {
  return snapshot === undefined ? tenantId === PLATFORM_TENANT : snapshot.status === "active";
}

function memberRoles(snapshot: Snapshot | undefined, subject: string): readonly Role[] {
  return snapshot && Object.hasOwn(snapshot.members, subject) ? (snapshot.members[subject] ?? []) : [];
}

function verifierOf(variable: string): TokenVerifier {
  if (current?.variable !== variable) current = { variable, verifier: new TokenVerifier(parseIssuers(variable)) };
  return current.verifier;
}

function tenantUnknown(tenantId: string): PlatformError {
  return new PlatformError("TENANT_UNKNOWN", `The tenant "${tenantId}" does not exist or is suspended.`);
}
