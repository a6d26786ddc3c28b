import { TENANT_ID_PATTERN } from "../../../sdk/contract/identifiers.ts";

const TICKET = /^pbs_(?<tenantId>[^_]+)_(?<secret>[0-9a-f]{64})$/;

/** @param secret  64 hexadecimal digits */
export function ticketText(tenantId: string, secret: string): string {
  return `pbs_${tenantId}_${secret}`;
}

/** @returns undefined where the text is no ticket */
export function parseTicket(text: string): { readonly tenantId: string; readonly secret: string } | undefined {
  const { tenantId, secret } = TICKET.exec(text)?.groups ?? {};
  if (tenantId === undefined || secret === undefined || !TENANT_ID_PATTERN.test(tenantId)) return undefined;
  return { tenantId, secret };
}
