import { PLATFORM_TENANT } from "../../../sdk/contract/identifiers.ts";
import { manifestOf } from "../../fixtures/packages/manifests.ts";
import { guestBytes } from "../../support/guests/provided-guests.ts";
import { api, type ApiAnswer } from "../../support/workers/api.ts";
import { mintToken } from "../../support/workers/tokens.ts";

/** A plugin that was uploaded and installed through the front door, in a tenant of its own. */
export interface InstalledGuest {
  readonly tenantId: string;
  readonly pluginId: string;
  readonly installId: string;
  readonly call: (functionName: string) => Promise<ApiAnswer>;
}

let tenants = 0;

export async function installedGuest(
  guest: string,
  limits: Readonly<Record<string, number>> = {},
): Promise<InstalledGuest> {
  const tenantId = `health-${guest}-${++tenants}`;
  const pluginId = `${tenantId}.plugin`;
  const platform = await mintToken({ tenant: PLATFORM_TENANT, roles: ["admin"] });
  await done(api("post", "/api/v1/admin/tenants", { token: platform, body: { id: tenantId, name: "n", plan: "pro" } }));
  const token = await mintToken({ tenant: tenantId, roles: ["admin"] });
  const form = new FormData();
  form.set("manifest", new Blob([JSON.stringify(manifestOf({ id: pluginId }))]), "manifest.json");
  form.set("wasm", new Blob([guestBytes(guest)]), "plugin.wasm");
  await done(api("post", "/api/plugins/upload", { token, raw: form }));
  const { body } = await done(api("post", "/api/plugins/install", { token, body: { pluginId, limits } }));
  const { id: installId } = body as { id: string }; // as the API says
  return {
    tenantId,
    pluginId,
    installId,
    call: (functionName) =>
      api("post", `/api/plugins/${pluginId}/execute`, { token, body: { function: functionName, input: "" } }),
  };
}

async function done(answer: Promise<ApiAnswer>): Promise<ApiAnswer> {
  const { status, body } = await answer;
  if (status >= 300) throw new Error(`${status}: ${JSON.stringify(body)}`);
  return answer;
}
