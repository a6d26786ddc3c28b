import { env } from "cloudflare:workers";
import type { HookOffer } from "../../../sdk/contract/offers.ts";
import type { Role } from "../../../sdk/contract/roles.ts";
import { snapshotKey, type Snapshot, type SnapshotInstall } from "../../../worker/execution/snapshot.ts";
import { api, type ApiAnswer } from "../../support/workers/api.ts";
import { mintToken } from "../../support/workers/tokens.ts";
import { installGuests, type GuestInstall } from "../execution/guest-installs.ts";

/** A tenant whose plugins are copies of one guest that takes part in hooks. */

export interface Member extends Partial<GuestInstall> {
  readonly pluginId: string;
  /** Function of the guest that runs; `append` where nothing is said. */
  readonly runs?: string;
  readonly offer?: Partial<HookOffer>;
}

/** One function of a hook, as the compiler would place it. */
export function offer(pluginId: string, functionName: string, more: Partial<HookOffer> = {}): HookOffer {
  return { pluginId, functionName, class: "business", priority: 100, criticality: "optional", ...more };
}

/** Installs members for a hook, in the order given. */
export async function hookTenant(tenantId: string, hook: string, members: readonly Member[]) {
  const installs = members.map((member): GuestInstall => ({
    guest: member.guest ?? "member",
    config: { mark: JSON.stringify(member.pluginId), ...member.config },
    pluginId: member.pluginId,
    ...(member.limits ? { limits: member.limits } : {}),
  }));
  const offers = members.map((member) => offer(member.pluginId, member.runs ?? "append", member.offer));
  return installGuests(tenantId, installs, { hooks: { [hook]: offers } });
}

/** Gives each install an isolate of its own, as plugins with different modules have: another rewriter version is another id. */
export async function separateIsolates(snapshot: Snapshot): Promise<void> {
  const installs = Object.values(snapshot.installs).map((install): [string, SnapshotInstall] => [
    install.pluginId,
    { ...install, rewriterVersion: `copy ${install.pluginId}` },
  ]);
  const separate = { ...snapshot, installs: Object.fromEntries(installs) };
  await env.STORE.put(snapshotKey(snapshot.tenantId), JSON.stringify(separate));
}

export async function fire(tenant: string, hook: string, body: object, role: Role = "caller"): Promise<ApiAnswer> {
  const token = await mintToken({ tenant, roles: [role] });
  return api("post", `/api/plugins/hooks/${hook}`, { token, body });
}
