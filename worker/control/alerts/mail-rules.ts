import { html, htmlPage, Html } from "../../lib/html.ts";
import type { PluginEvent } from "../events/rules.ts";

/** What is mailed of alerts, as text and as HTML that says the same. */
export interface MailContent {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

/** Addresses of one tenant. */
export const EMAILS = 20;
/** How long the link that confirms an address is good. Milliseconds. */
export const LINK_MS = 24 * 3_600_000;
/** Links that a tenant may have mailed in an hour: they go to people who did not ask for them yet. */
export const LINKS_PER_HOUR = 10;
/** Messages that one address gets in an hour; further ones wait. */
export const MAILS_PER_HOUR = 30;
export const HOUR_MS = 3_600_000;

const LINK = /^pbe_(?<id>[0-7][0-9A-HJKMNP-TV-Z]{25})_(?<secret>[0-9a-f]{64})$/;

/** @param secret  64 hexadecimal digits */
export function linkToken(id: string, secret: string): string {
  return `pbe_${id}_${secret}`;
}

/** @returns undefined where the text is no token */
export function parseLink(text: string): { readonly id: string; readonly secret: string } | undefined {
  const { id, secret } = LINK.exec(text)?.groups ?? {};
  return id === undefined || secret === undefined ? undefined : { id, secret };
}

/** What asks an address whether it takes the alerts of a tenant. */
export function confirmationMail(tenantId: string, link: string): MailContent {
  const lines = [
    `Somebody who operates the tenant "${tenantId}" of Patchbay wants to send its alerts to this address.`,
    "If you want them, open this link within 24 hours and confirm:",
    link,
    "If not, do nothing: nothing more will be sent.",
  ];
  return content("[Patchbay] Confirm this address for alerts", lines, []);
}

/** @param event  `alert.firing`, `alert.resolved`, or a test's in their form */
export function alertMail(tenantId: string, { type, pluginId, data, createdAt }: PluginEvent): MailContent {
  const state = type === "alert.resolved" ? "RESOLVED" : "FIRING";
  const severity = String(data["severity"]);
  const about = pluginId === null ? tenantId : `${pluginId} of ${tenantId}`;
  const fields: (readonly [string, string])[] = [
    ["Alert", String(data["alertId"])],
    ["Rule", String(data["rule"])],
    ["Severity", severity],
    ["Plugin", pluginId ?? "(all)"],
    ["Tenant", tenantId],
    ["Since", new Date(Number(data["startedAt"])).toISOString()],
    [state === "RESOLVED" ? "Resolved" : "Told", new Date(createdAt).toISOString()],
  ];
  return content(
    `[Patchbay] ${state} ${severity}: ${String(data["rule"])} (${about})`,
    [String(data["summary"])],
    fields,
  );
}

function content(
  subject: string,
  lines: readonly string[],
  fields: readonly (readonly [name: string, value: string])[],
): MailContent {
  const footer = "Sent by Patchbay. An operator of the tenant can remove this address at any time.";
  const rows = fields.map(
    ([name, value]) =>
      html`<tr>
        <th align="left">${name}</th>
        <td>${value}</td>
      </tr> `,
  );
  const paragraphs = lines.map((line) =>
    line.startsWith("https://") ? html`<p><a href="${line}">${line}</a></p> ` : html`<p>${line}</p> `,
  );
  const table =
    rows.length > 0
      ? html`<table>
          ${rows}
        </table>`
      : new Html("");
  const text = [...lines, ...fields.map(([name, value]) => `${name}: ${value}`), "", footer, ""].join("\n");
  return {
    subject,
    text,
    html: htmlPage(
      subject,
      new Html(""),
      html`<h1>${subject}</h1>
        ${paragraphs}${table}
        <p>${footer}</p>`,
    ),
  };
}
