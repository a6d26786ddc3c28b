import { env } from "cloudflare:workers";
import { compileSnapshot } from "../../../worker/control/compile.ts";
import { openDatabase } from "../../../worker/db/client.ts";
import {
  apiKeys,
  auditFindings,
  deadLetters,
  configTemplates,
  installSecrets,
  members,
  pluginAdvisories,
  pluginAudits,
  pluginBackups,
  pluginRestores,
  pluginConfigurations,
  pluginConsents,
  pluginEvents,
  pluginExecutions,
  pluginInstances,
  pluginPermissions,
  tenants,
  webhookDeliveries,
  webhooks,
} from "../../../worker/db/schema.ts";
import { insertAlerts } from "./alert-resources.ts";
import { sealWebhookSecret } from "../../../worker/control/webhooks/rules.ts";
import { SnapshotCache, SnapshotStore } from "../../../worker/execution/snapshot-store.ts";
import { systemClock } from "../../../worker/lib/clock.ts";
import { systemIds } from "../../../worker/lib/ulid.ts";
import { seedVersion } from "../../workers/control/fixtures.ts";

/** One of everything that a tenant may own, so that a test can reach for another tenant's. */
export interface Resources {
  readonly tenantId: string;
  readonly pluginId: string;
  readonly executionId: string;
  readonly keyId: string;
  readonly subject: string;
  readonly deadLetterId: string;
  readonly webhookId: string;
  readonly deliveryId: string;
  /** What the plugin sent. */
  readonly outgoingId: string;
  /** Of the tenant, without anything in the store. */
  readonly backupId: string;
  readonly restoreId: string;
  readonly alertRuleId: string;
  readonly alertId: string;
  readonly silenceId: string;
  readonly alertEmailId: string;
  readonly auditId: string;
  readonly findingId: string;
  readonly advisoryId: string;
  readonly mailedId: string;
}

const db = openDatabase(env.DB);
const newId = systemIds(() => Date.now());

export async function seedResources(tenantId: string): Promise<Resources> {
  const resources: Resources = {
    tenantId,
    pluginId: `${tenantId}.notes`,
    executionId: newId(),
    keyId: newId(),
    subject: `member-of-${tenantId}`,
    deadLetterId: newId(),
    webhookId: newId(),
    deliveryId: newId(),
    outgoingId: newId(),
    backupId: newId(),
    restoreId: newId(),
    alertRuleId: newId(),
    alertId: newId(),
    silenceId: newId(),
    alertEmailId: newId(),
    auditId: newId(),
    findingId: newId(),
    advisoryId: newId(),
    mailedId: newId(),
  };
  const createdAt = Date.now();
  await db
    .insert(tenants)
    .values({ id: tenantId, name: tenantId, plan: "pro", status: "active", snapshotRevision: 1, createdAt });
  const { pluginId } = resources;
  const versionId = await seedVersion({ tenantId, pluginId, manifest: { permissions: [{ capability: "storage" }] } });
  await seedVersion({
    tenantId,
    pluginId,
    version: "1.1.0",
    manifest: { permissions: [{ capability: "storage" }] },
  });
  await seedVersion({ tenantId, pluginId, version: "2.0.0", manifest: { permissions: [{ capability: "crypto" }] } });
  await db.batch([
    insertInstall(resources, versionId, createdAt),
    ...insertRecords(resources, createdAt),
    insertDeadLetter(resources, createdAt),
    ...(await insertWebhook(resources, createdAt)),
    ...insertBackups(resources, createdAt),
    ...insertAlerts(resources, createdAt),
    ...insertAudit(resources, createdAt),
  ]);
  const snapshots = new SnapshotStore(env.STORE, new SnapshotCache(), systemClock, (work) => void work);
  await compileSnapshot({ env, db, clock: systemClock, snapshots }, tenantId);
  return resources;
}

function insertInstall({ tenantId, pluginId, subject }: Resources, versionId: string, createdAt: number) {
  return db.insert(pluginInstances).values({
    id: `install-of-${tenantId}`,
    tenantId,
    pluginId,
    ownerTenantId: tenantId,
    versionId,
    state: "active",
    config: {},
    configRevision: 1,
    limits: {},
    installedBy: subject,
    createdAt,
    updatedAt: createdAt,
  });
}

function insertRecords({ tenantId, pluginId, executionId, keyId, subject }: Resources, createdAt: number) {
  const sizes = { durationMs: 1, fuel: 1, memoryBytes: 1, hostCalls: 0, inputBytes: 0, outputBytes: 0, logLines: 0 };
  const ofInstall = { tenantId, installId: `install-of-${tenantId}`, pluginId };
  return [
    db.insert(members).values({ tenantId, subject, roles: ["viewer"], createdAt }),
    db
      .insert(apiKeys)
      .values({ id: keyId, tenantId, name: "key", secretHash: "0".repeat(64), roles: ["caller"], createdAt }),
    db.insert(pluginPermissions).values({
      id: newId(),
      ...ofInstall,
      capability: "storage",
      version: "1.0.0",
      asked: {},
      granted: {},
      grantedBy: subject,
      grantedAt: createdAt,
    }),
    db.insert(pluginConsents).values({
      id: newId(),
      ...ofInstall,
      fromVersion: "1.0.0",
      version: "2.0.0",
      additions: [{ capability: "crypto", isNew: true }],
      requestedBy: subject,
      requestedAt: createdAt,
    }),
    db.insert(pluginEvents).values({
      id: newId(),
      tenantId,
      pluginId,
      type: "plugin.installed",
      data: { secretOf: tenantId },
      subject,
      createdAt,
      sequence: 1,
    }),
    db.insert(pluginConfigurations).values({
      installId: `install-of-${tenantId}`,
      revision: 1,
      tenantId,
      pluginId,
      version: "1.0.0",
      values: { default: { secretOf: tenantId } },
      secrets: {},
      effective: { default: { secretOf: tenantId } },
      environment: "default",
      change: "installed",
      changed: [],
      author: subject,
      createdAt,
    }),
    db.insert(configTemplates).values({
      tenantId,
      pluginId,
      name: "small",
      description: "",
      values: { secretOf: tenantId },
      author: subject,
      createdAt,
      updatedAt: createdAt,
    }),
    db.insert(pluginExecutions).values({
      ...sizes,
      id: executionId,
      tenantId,
      installId: `install-of-${tenantId}`,
      pluginId,
      version: "1.0.0",
      functionName: "run",
      status: "succeeded",
      traceId: "0".repeat(32),
      subject,
      startedAt: createdAt,
    }),
  ] as const;
}

function insertDeadLetter({ tenantId, pluginId, subject, deadLetterId }: Resources, createdAt: number) {
  const delivery = {
    kind: "delivery",
    tenantId,
    messageId: `message-of-${tenantId}`,
    topic: "orders.created",
    data: { secretOf: tenantId },
    source: { kind: "subject", id: subject },
    traceId: "0".repeat(32),
    hops: 0,
    publishedAt: createdAt,
    installId: `install-of-${tenantId}`,
    pluginId,
    functionName: "run",
    counts: true,
  } as const;
  const failure = { errorCode: "PLUGIN_ERROR", errorDetail: "", attempts: 5 };
  return db.insert(deadLetters).values({ ...delivery, ...failure, id: deadLetterId, delivery, createdAt });
}

function insertBackups({ tenantId, backupId, restoreId }: Resources, startedAt: number) {
  const of = {
    scope: "tenant",
    tenantId,
    installId: null,
    requestedBy: "system",
    startedAt,
    updatedAt: startedAt,
  } as const;
  const counts = { tenants: 0, installs: 0, rows: 0, chunks: 0, blobs: 0, newBlobs: 0 };
  const digest = { manifestDigest: "0".repeat(64) };
  return [
    db.insert(pluginBackups).values({ ...of, ...digest, id: backupId, trigger: "manual", status: "written", counts }),
    db
      .insert(pluginRestores)
      .values({ ...of, id: restoreId, backupId, status: "completed", safetyBackupId: backupId, counts }),
  ] as const;
}

/** Its position is after all events, so that nothing of the tenant is sent to it unasked. */
async function insertWebhook(resources: Resources, createdAt: number) {
  const { tenantId, pluginId, subject, webhookId, deliveryId, outgoingId } = resources;
  const randomBytes = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));
  const owner = { id: webhookId, tenantId };
  const secret = await sealWebhookSecret(env.CONFIG_KEYS, owner, `secret-of-${tenantId}`.padEnd(32, "."), randomBytes);
  const times = { createdAt, updatedAt: createdAt };
  const url = `https://hooks.example.com/hooks?box=${tenantId}`;
  const webhook = { ...owner, url, types: [], secret, active: true, position: 1_000_000, createdBy: subject, ...times };
  const event = { eventId: `event-of-${tenantId}`, eventType: "plugin.installed", sequence: 1 };
  const end = { state: "dead", attempts: 8, status: 503, errorCode: "WEBHOOK_REFUSED", dueAt: createdAt } as const;
  return [
    db.insert(webhooks).values(webhook),
    db.insert(webhookDeliveries).values({ id: deliveryId, tenantId, webhookId, ...event, ...end, ...times }),
    db.insert(webhookDeliveries).values({
      id: outgoingId,
      tenantId,
      webhookId: `install-of-${tenantId}`,
      ...event,
      ...end,
      ...times,
      outgoing: { pluginId, url, contentType: "text/plain", body: `secret-of-${tenantId}` },
    }),
    db.insert(installSecrets).values({
      tenantId,
      installId: `install-of-${tenantId}`,
      kind: "oauth-client",
      name: "crm",
      sealed: "AA==",
      detail: {
        tokenUrl: "https://login.example.com/token",
        clientId: `client-of-${tenantId}`,
        scopes: [],
        grant: "client_credentials",
        authentication: "basic",
      },
      revision: 1,
      updatedBy: subject,
      updatedAt: createdAt,
    }),
  ] as const;
}

function insertAudit({ tenantId, pluginId, subject, auditId, findingId, advisoryId }: Resources, at: number) {
  const counts = { total: 1, done: 1, failed: 0, critical: 0, high: 1, medium: 0, low: 0, info: 0 };
  const run = { id: auditId, tenantId, trigger: "manual", scope: "install", pluginId } as const;
  const finding = { id: findingId, tenantId, installId: `install-of-${tenantId}`, pluginId, auditId } as const;
  const what = { rule: "snapshot.drift", dedupKey: "", severity: "high", remedy: "repair", remedyText: "." } as const;
  const seen = { firstSeenAt: at, lastSeenAt: at, stateSince: at, count: 1, state: "open", history: [] } as const;
  const advisory = {
    id: advisoryId,
    pluginId,
    range: "<0.1.0",
    severity: "low",
    text: ".",
    recordedBy: "root",
  } as const;
  return [
    db.insert(pluginAudits).values({ ...run, ...counts, requestedBy: subject, startedAt: at, finishedAt: at }),
    db.insert(auditFindings).values({ ...finding, ...what, ...seen, history: [], evidence: { secretOf: tenantId } }),
    db.insert(pluginAdvisories).values({ ...advisory, createdAt: at }),
  ] as const;
}

const OWNED = [
  "tenants",
  "members",
  "api_keys",
  "plugins",
  "plugin_versions",
  "plugin_instances",
  "plugin_configurations",
  "config_templates",
  "plugin_permissions",
  "plugin_consents",
  "plugin_capability_usage",
  "audit_log",
  "plugin_executions",
  "plugin_events",
  "healing_events",
  "dead_letters",
  "topic_counts",
  "webhooks",
  "webhook_deliveries",
  "install_secrets",
  "plugin_metric_series",
  "plugin_metrics",
  "plugin_health_checks",
  "plugin_audits",
  "plugin_audit_chunks",
  "audit_findings",
  "plugin_call_minutes",
  "anomaly_series",
  "plugin_anomalies",
  "alert_rules",
  "alerts",
  "alert_silences",
  "alert_emails",
];

/** Every row of the tenant, as text, to see whether anything changed. */
export async function rowsOf(tenantId: string): Promise<string> {
  return JSON.stringify(await tablesOf(tenantId));
}

/** Every row of the tenant, by table. */
export async function tablesOf(tenantId: string): Promise<readonly (readonly [table: string, rows: unknown[]])[]> {
  const answers = await env.DB.batch(
    OWNED.map((table) => {
      const column = table === "tenants" ? "id" : "tenant_id";
      return env.DB.prepare(`SELECT * FROM ${table} WHERE ${column} = ? ORDER BY 1, 2`).bind(tenantId);
    }),
  );
  return OWNED.map((table, at) => [table, answers[at]?.results ?? []]);
}
