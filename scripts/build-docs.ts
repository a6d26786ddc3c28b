import { writeFile } from "node:fs/promises";
import path from "node:path";
import { format } from "prettier";
import { RING_EVENTS, STREAM_SOCKETS, UNACKNOWLEDGED_EVENTS } from "../durable-objects/event-stream/rules.ts";
import { toJsonSchema } from "@valibot/to-json-schema";
import { CAPABILITIES, CAPABILITY_NAMES, type CapabilitySpec } from "../sdk/contract/capabilities.ts";
import { ERRORS } from "../sdk/contract/errors.ts";
import { EVENT_TITLES } from "../sdk/contract/event-titles-table.ts";
import { EVENTS, type EventSpec, type EventType } from "../sdk/contract/events.ts";
import { LIMITS, PACKAGE_LIMITS } from "../sdk/contract/limits.ts";
import { cliPage } from "./cli-page.ts";
import { healingPage } from "./healing-page.ts";
import { modesPage } from "./modes-page.ts";
import { FAILURES_TOLD } from "../worker/control/executions/event-rules.ts";
import { SETTING_GROUPS, specsOf, type SettingSpec } from "../sdk/contract/settings.ts";
import { LONGEST_DAYS, USUAL_DAYS } from "../worker/control/reports/range-rules.ts";
import { REPORTS, type ReportSpec } from "../worker/control/reports/report-record.ts";
import { AUDIT_RULES } from "../worker/control/audits/rules.ts";
import type { AuditRule } from "../worker/control/audits/rule-record.ts";
import { WEBHOOK_ATTEMPTS, WEBHOOK_TIMEOUT_MS, WEBHOOKS } from "../worker/control/webhooks/rules.ts";
import { PERMISSIONS, permits, ROLE_NAMES, type Permission } from "../sdk/contract/roles.ts";
import { hostFunctionsPage } from "./host-functions-page.ts";

/** Pages of docs/ that are tables of the contract. A test compares them with what is committed. */

const MADE = "Made from the contract by `node scripts/build-docs.ts`; edit the table, not this page.";

const EVENTS_INTRODUCTION = `What happens to a tenant's plugins is written to its event log, in the same database batch as the change itself: there is no
change without its event and no event without its change. Events of a tenant are numbered from 1 (\`sequence\`), without gaps, in
the order in which they were committed. An event is
\`{ id, sequence, pluginId, type, severity, data, subject, createdAt }\`; its data is flat and holds names, ids, codes and
counts, never configuration, input or output. Events are kept for 90 days.

| to | ask |
| --- | --- |
| read the log | \`GET /api/plugins/events\`, with \`type\`, \`plugin\`, \`after\` and \`order\` (newest or oldest) |
| read what happened to one plugin | \`GET /api/plugins/:id/events\` |
| catch up | \`GET /api/plugins/events?order=oldest&after=<last sequence seen>\` |

## Live

\`GET /api/plugins/events/stream\` is a WebSocket, open to whoever may read events, with \`after\`, \`type\` and \`plugin\` as in the
history. A browser, which cannot send headers with it, first asks \`POST /api/plugins/events/stream/tickets\` and brings the answer's
\`ticket\` as a query parameter; a ticket is good once, within 30 seconds. Frames are JSON:

| frame | says |
| --- | --- |
| \`{"kind":"ready","sequence":41}\` | the stream is open; 41 was the last event so far |
| \`{"kind":"event","event":{…}}\` | an event, as the history shows it |
| \`{"kind":"resync","after":7,"before":31}\` | you asked for more than the ${RING_EVENTS} events that are kept here: read those between 7 and 31 from the history |

With \`after\`, what was missed comes first and then what happens, each event once and in order, with nothing left out at the seam. To
resume, connect again with \`after\` the last sequence you handled. Say \`ping\` and you are told \`pong\`. Say \`ack 57\` for what you have
handled: with more than ${UNACKNOWLEDGED_EVENTS} events sent and not acknowledged you are too slow and the socket is closed (4408). It is also
closed after an hour (4401), so that who listens is checked again; connect and go on. A tenant may have ${STREAM_SOCKETS} sockets.

One Durable Object per tenant holds the sockets and sleeps while nothing happens. Events reach it after they are committed; what a lost
push left out comes with the next one, or within a minute.

## Webhooks

\`POST /api/plugins/webhooks\` with \`{ "url": …, "types": […] }\` sends events to a URL of yours; no types means all. It answers with
the webhook's secret, once. From then on each event is a POST with the event as JSON, its \`tenantId\` added, and the headers

| header | holds |
| --- | --- |
| \`Patchbay-Signature\` | \`t=<seconds>,v1=<hex>\`: HMAC-SHA256 of \`<seconds>.<body>\` under the secret |
| \`Patchbay-Delivery\` | the delivery's id, the same at every attempt |
| \`Patchbay-Event\` | the event's type |

Compute the HMAC over the body as received, compare it in constant time, and refuse what is older than five minutes:
\`verifyWebhook\` in \`sdk/contract/webhook-signature.ts\` does it. Answer 2xx within ${WEBHOOK_TIMEOUT_MS / 1000} s. Anything else, a redirect included, is tried
again after about 10 s, 30 s, 90 s and so on, ${WEBHOOK_ATTEMPTS} times over three hours. Then the delivery is \`dead\`, the event
\`webhook.failed\` says so (to no webhook), and \`POST …/webhooks/:id/deliveries/:delivery/redrive\` sends it again. An event may come
more than once, and events may overtake each other: go by \`id\` and \`sequence\`.

Deliveries are planned in the database before any is sent, so none is lost with a worker; \`GET …/webhooks/:id/deliveries\` shows them for
30 days. \`POST …/webhooks/:id/test\` sends a request of type \`webhook.test\` and says what came of it. A webhook that is switched off
(\`PATCH\` with \`"active": false\`) misses what happens meanwhile. URLs must be https and lead to a public address, also after the name
is looked up; a tenant may have ${WEBHOOKS}. Secrets are sealed with the key ring \`CONFIG_KEYS\`.

## Executions

Executions are many, so they are told together: once the records of a batch (at most 100 records, or one second) are stored, one
\`execution.started\` and one \`execution.completed\` per plugin tell of all of them, with counts, sums and the first and last
execution id; the first ${FAILURES_TOLD} failures of a plugin in a batch also get an \`execution.failed\` each, the others are in the counts.
Single executions are in \`GET /api/plugins/:id/executions\`. Records and events are stored together, each once, however often
the queue delivers. Running a plugin itself never waits for the log.`;

const SETTINGS_INTRODUCTION = `Admins of the platform read and change these while it runs: \`GET\` and \`PUT /api/v1/admin/settings\`, the latter with what is to
change, \`{ "audit": { "intervalMinutes": 5 } }\`; what is left out stays. Jobs see a change at the start of their next run. Each
change is a revision (\`GET /api/v1/admin/settings/history\`) with an event \`settings.changed\` of the platform tenant. With
\`If-Match\`, a change is made only where nobody else made one since the \`ETag\` was read.

Two groups answer by themselves too: \`GET\` and \`PUT /api/plugins/self-debug/config\` (\`audit\`; operators read it) and
\`/api/plugins/migration-proof/config\` (\`migration\`; admins of a tenant read it). They are the same settings, of the whole
platform, so only its admins change them.`;

const REPORTS_INTRODUCTION = `\`GET /api/plugins/reports/:kind\` tells of a tenant's time \`from\` to \`to\` (milliseconds since the epoch; absent: the last ${USUAL_DAYS} days; at most
${LONGEST_DAYS}), as JSON or, with \`Accept: text/html\` or \`?format=html\`, as a page to read and print: one file, without scripts, nothing from
elsewhere, under a policy that lets in its own style alone. JSON and page say the same: sections with columns and rows. A section
has at most 500 rows and says where there are more. Each is one query of the tenant's own rows.`;

export const PAGES: Readonly<Record<string, () => string>> = {
  "docs/audit-rules.md": auditRulesPage,
  "docs/capabilities.md": capabilitiesPage,
  "docs/cli.md": () =>
    cliPage("Made from the commands by `node scripts/build-docs.ts`; edit them, not this page.", table),
  "docs/errors.md": errorsPage,
  "docs/events.md": eventsPage,
  "docs/healing.md": () => healingPage(MADE, table),
  "docs/host-functions.md": () => hostFunctionsPage(MADE, table),
  "docs/limits.md": limitsPage,
  "docs/operations-modes.md": () => modesPage(MADE, table),
  "docs/reports.md": reportsPage,
  "docs/roles.md": rolesPage,
  "docs/settings.md": settingsPage,
};

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

function settingsPage(): string {
  const rows = SETTING_GROUPS.flatMap((group) =>
    Object.entries(specsOf(group)).map(([name, spec]) => [
      `\`${group}.${name}\``,
      `\`${String(spec.default)}\``,
      valuesOf(spec),
      spec.title,
    ]),
  );
  return `# Settings of the platform\n\n${MADE}\n\n${SETTINGS_INTRODUCTION}\n\n${table(["setting", "default", "values", "meaning"], rows)}\n`;
}

function valuesOf(spec: SettingSpec): string {
  if (spec.kind === "switch") return "`true`, `false`";
  if (spec.kind === "choice") return spec.choices.map((choice) => `\`${choice}\``).join(", ");
  return `${spec.minimum} to ${spec.maximum} ${spec.unit}`;
}

function errorsPage(): string {
  const rows = Object.entries(ERRORS).map(([code, spec]) => [
    `<a id="${code}"></a>\`${code}\``,
    String(spec.status),
    spec.title,
    spec.blame,
    spec.retryable ? "yes" : "no",
    spec.trips ? "yes" : "no",
  ]);
  return `# Errors\n\nEvery failure is a problem document (RFC 9457) whose \`code\` is one of these. ${MADE}\n\n${table(
    ["code", "status", "meaning", "who has to act", "may a retry help", "counts against the plugin"],
    rows,
  )}\n`;
}

function eventsPage(): string {
  const rows = Object.entries<EventSpec>(EVENTS).map(([type, spec]) => [
    `<a id="${type}"></a>\`${type}\``,
    EVENT_TITLES[type as EventType], // its own key
    spec.severity,
    spec.audience,
    fieldsOf(spec)
      .map((name) => `\`${name}\``)
      .join(", "),
    spec.webhooks === false ? "" : "yes",
  ]);
  return `# Events\n\n${EVENTS_INTRODUCTION}\n\n## Catalogue\n\n${MADE}\n\n${table(
    ["type", "says that", "severity", "for", "data", "to webhooks"],
    rows,
  )}\n`;
}

/** Names of the data's fields; those that may be absent end with `?`. */
function fieldsOf({ data }: EventSpec): string[] {
  const { properties = {}, required = [] } = toJsonSchema(data);
  return Object.keys(properties).map((name) => (required.includes(name) ? name : `${name}?`));
}

function capabilitiesPage(): string {
  const specs = CAPABILITY_NAMES.map((name): readonly [string, CapabilitySpec] => [name, CAPABILITIES[name]]);
  const rows = specs.map(([name, spec]) => [
    `\`${name}\``,
    spec.aliases.map((alias) => `\`${alias}\``).join(", "),
    spec.title,
    spec.imports.map((pattern) => `\`${pattern}\``).join(", "),
    spec.scope ?? "",
  ]);
  const quotas = specs.flatMap(([name, spec]) =>
    Object.entries(spec.quotas).map(([quota, { title, default: usual, maximum, unit, per }]) => [
      `\`${name}.${quota}\``,
      title,
      amount(usual, unit),
      amount(maximum, unit),
      per === "call" ? "counted for each call of a plugin" : "held by the install",
    ]),
  );
  return `# Capabilities\n\n${MADE}\n\nWhat a plugin may ask for, and how it is granted: [permissions.md](permissions.md). Whatever a plugin imports beyond computing needs one of these.\n\n${table(
    ["capability", "other names", "what it is", "imports that need it", "narrowed by"],
    rows,
  )}\n\n## Quotas\n\nIn force without a word from anybody is the default. A manifest may ask for up to the maximum, and an admin grants up to the maximum.\n\n${table(
    ["quota", "of", "default", "maximum", ""],
    quotas,
  )}\n`;
}

function limitsPage(): string {
  const rows = Object.entries(LIMITS).map(([name, spec]) => [
    `\`${name}\``,
    spec.title,
    amount(spec.default, spec.unit),
    amount(spec.maximum, spec.unit),
    name === "logs" ? "cut, and said so" : `\`${spec.code}\``,
  ]);
  const packageRows = Object.entries(PACKAGE_LIMITS).map(([name, value]) => [
    `\`${name}\``,
    name.endsWith("Bytes") ? amount(value, "bytes") : String(value),
  ]);
  return `# Limits\n\n${MADE}\n\nA manifest may ask for any value up to the maximum; the tenant's plan and the operator who installs may allow less; a caller may lower fuel and time for one call. \`0\` means zero, never "unlimited".\n\n## Of a call\n\n${table(
    ["limit", "of", "default", "maximum", "error"],
    rows,
  )}\n\n## Of a package\n\n${table(["limit", "value"], packageRows)}\n`;
}

function reportsPage(): string {
  const kinds = Object.entries<ReportSpec>(REPORTS);
  const parts = kinds.map(([kind, { title, summary, permission, sections }]) => {
    const rows = Object.entries(sections).map(([id, section]) => [
      `\`${id}\``,
      section.note,
      Object.keys(section.columns)
        .map((name) => `\`${name}\``)
        .join(", "),
    ]);
    return `## ${title}\n\n${summary}. \`GET /api/plugins/reports/${kind}\`, with the permission \`${permission}\`.\n\n${table(["section", "what it holds", "columns"], rows)}`;
  });
  return `# Reports\n\n${MADE}\n\n${REPORTS_INTRODUCTION}\n\n${parts.join("\n\n")}\n`;
}

function auditRulesPage(): string {
  const rows = Object.entries<AuditRule>(AUDIT_RULES).map(([name, { severity, title, remedy }]) => [
    `<a id="${name}"></a>\`${name}\``,
    severity,
    title,
    `\`${remedy.action}\``,
    remedy.text,
  ]);
  return `# Rules of the audit\n\n${MADE} How audits run and how findings live: [audits.md](audits.md).\n\n${table(
    ["rule", "severity", "finds that", "remedy", "which means"],
    rows,
  )}\n`;
}

function rolesPage(): string {
  const rows = (Object.keys(PERMISSIONS) as Permission[]).map((permission) => [
    `\`${permission}\``,
    PERMISSIONS[permission],
    ...ROLE_NAMES.map((role) => (permits([role], permission) ? "yes" : "")),
  ]);
  return `# Roles and permissions\n\n${MADE}\n\n${table(["permission", "allows to", ...ROLE_NAMES], rows)}\n`;
}

function amount(value: number, unit: string): string {
  if (unit === "bytes") return value % 1_048_576 === 0 ? `${value / 1_048_576} MiB` : `${value / 1024} KiB`;
  if (unit === "fuel") return `${value / 1e9} G units`;
  return `${value} ${unit}`;
}

export async function renderPage(name: string): Promise<string> {
  const page = PAGES[name];
  if (!page) throw new Error(`no such page: ${name}`);
  return format(page(), { parser: "markdown", printWidth: 120 });
}

if (import.meta.main) {
  const root = path.resolve(import.meta.dirname, "..");
  for (const name of Object.keys(PAGES)) await writeFile(path.join(root, name), await renderPage(name));
}
