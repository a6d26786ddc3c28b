import { sql } from "drizzle-orm";
import { index, integer, primaryKey, real, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import type { EventType, EventValue } from "../../sdk/contract/events.ts";
import type { Addition, Grant, Grants } from "../../sdk/contract/grants.ts";
import type { Environment } from "../../sdk/contract/config/environments.ts";
import type { JsonObject } from "../../sdk/contract/config/json-values.ts";
import type { SealedValue } from "../../sdk/contract/config/sealed-value.ts";
import type { Fallback, HookOverrides } from "../../sdk/contract/hooks.ts";
import type { Manifest } from "../../sdk/contract/manifest.ts";
import type { Limits } from "../../sdk/contract/limits.ts";
import { VALIDATION_MODES } from "../../sdk/contract/payloads/validation-modes.ts";
import { REUSE_MODES } from "../../sdk/contract/reuse.ts";
import type { Role } from "../../sdk/contract/roles.ts";
import type { Fingerprint } from "../control/environment/rules.ts";
import type { HealingVerification, InstallFacts } from "../control/healing/healing-record.ts";
import { CAUSES, HEALING_OUTCOMES, REMEDIES } from "../control/healing/healing-record.ts";
import type { SafeMode } from "../control/installs/safe-mode-record.ts";
import type { Channel, Condition, Evidence } from "../control/alerts/alert-record.ts";
import type { CanaryStep, GateReport } from "../control/upgrades/upgrade-record.ts";
import { CHECK_STATUSES, HEALTH_STATUSES } from "../control/health/score-rules.ts";
import {
  BACKUP_STATES,
  BACKUP_TRIGGERS,
  type BackupCounts,
  type BackupProgress,
  type RestoreCounts,
  type RestoreProgress,
} from "../control/backups/backup-record.ts";
import { ERASURE_STATES, type ErasureCounts, type ErasureProgress } from "../control/erasures/erasure-record.ts";
import type { OutgoingContent, SealedSecret } from "../control/webhooks/webhook-record.ts";
import type { Delivery } from "../execution/bus/rules.ts";
import type { ModuleSummary, ScanVerdict } from "../../sdk/contract/package-report.ts";
import type { FindingHistory, RemedyAction } from "../control/audits/finding-record.ts";
import type { AnomalyStates } from "../control/anomalies/detector-rules.ts";

/**
 * Every D1 table, in reading order. ULID ids, integer milliseconds, JSON as text; `tenant_id` on everything a tenant
 * owns. No ON DELETE CASCADE: a rebuilt parent table would silently empty its children.
 */

// Who may do what

export const tenants = sqliteTable("tenants", {
  id: text().primaryKey(),
  name: text().notNull(),
  plan: text({ enum: ["free", "pro"] }).notNull(),
  status: text({ enum: ["active", "suspended"] }).notNull(),
  /** Grows with every change that execution must see; the snapshot carries the revision it was compiled from. */
  snapshotRevision: integer("snapshot_revision").notNull().default(0),
  createdAt: integer("created_at").notNull(),
});

export const members = sqliteTable(
  "members",
  {
    tenantId: text("tenant_id")
      .notNull()
      .references(() => tenants.id),
    /** The token's `sub`. */
    subject: text().notNull(),
    roles: text({ mode: "json" }).$type<Role[]>().notNull(),
    createdAt: integer("created_at").notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.subject] })],
);

export const apiKeys = sqliteTable(
  "api_keys",
  {
    id: text().primaryKey(),
    tenantId: text("tenant_id")
      .notNull()
      .references(() => tenants.id),
    name: text().notNull(),
    /** SHA-256 of the secret part, hexadecimal; the secret itself is shown once and never stored. */
    secretHash: text("secret_hash").notNull(),
    roles: text({ mode: "json" }).$type<Role[]>().notNull(),
    createdAt: integer("created_at").notNull(),
    expiresAt: integer("expires_at"),
    revokedAt: integer("revoked_at"),
  },
  (table) => [index("api_keys_by_tenant").on(table.tenantId, table.createdAt)],
);

// What there is

export const plugins = sqliteTable(
  "plugins",
  {
    tenantId: text("tenant_id")
      .notNull()
      .references(() => tenants.id),
    id: text().notNull(),
    name: text().notNull(),
    description: text().notNull(),
    type: text().notNull(),
    category: text().notNull(),
    createdAt: integer("created_at").notNull(),
    updatedAt: integer("updated_at").notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] })],
);

export const pluginVersions = sqliteTable(
  "plugin_versions",
  {
    /** ULID; what installs and executions point to. */
    id: text().primaryKey(),
    tenantId: text("tenant_id").notNull(),
    pluginId: text("plugin_id").notNull(),
    version: text().notNull(),
    manifest: text({ mode: "json" }).$type<Manifest>().notNull(),
    /** SHA-256 of the bytes as uploaded (archive, or manifest and module). */
    packageDigest: text("package_digest").notNull(),
    packageBytes: integer("package_bytes").notNull(),
    /** SHA-256 of the author's module and of what the rewriter made of it. */
    moduleDigest: text("module_digest").notNull(),
    rewrittenDigest: text("rewritten_digest").notNull(),
    rewriterVersion: text("rewriter_version").notNull(),
    module: text({ mode: "json" }).$type<ModuleSummary>().notNull(),
    scan: text({ mode: "json" }).$type<ScanVerdict>().notNull(),
    /** `pending` while being checked is never stored: a version is written once it is `validated`, or refused. */
    state: text({ enum: ["validated", "quarantined"] }).notNull(),
    uploadedBy: text("uploaded_by").notNull(),
    createdAt: integer("created_at").notNull(),
    /** Withdrawn by its owner: what is installed runs on, nothing new installs it. Both or neither are set. */
    yankedAt: integer("yanked_at"),
    yankReason: text("yank_reason"),
  },
  (table) => [
    uniqueIndex("plugin_versions_by_version").on(table.tenantId, table.pluginId, table.version),
    index("plugin_versions_by_package").on(table.tenantId, table.packageDigest),
  ],
);

/** An install: one plugin of one tenant. A removed install keeps its row in state `uninstalled`. */
export const pluginInstances = sqliteTable(
  "plugin_instances",
  {
    id: text().primaryKey(),
    tenantId: text("tenant_id")
      .notNull()
      .references(() => tenants.id),
    pluginId: text("plugin_id").notNull(),
    /** Owner of the package: the tenant itself, or the platform tenant for built-ins. */
    ownerTenantId: text("owner_tenant_id").notNull(),
    versionId: text("version_id")
      .notNull()
      .references(() => pluginVersions.id),
    state: text({ enum: ["installed", "active", "inactive", "error", "quarantined", "uninstalled"] }).notNull(),
    /** Of installs without a revision in plugin_configurations: what was set before there were revisions. */
    config: text({ mode: "json" }).$type<Record<string, string>>().notNull(),
    /** The revision in plugin_configurations that holds; 0: there is none. Grows with every change. */
    configRevision: integer("config_revision").notNull().default(0),
    /** Narrower than the manifest's and the plan's, where the operator chose so. */
    limits: text({ mode: "json" }).$type<Partial<Limits>>().notNull(),
    /** Whether calls may share an instance (sdk/contract/reuse.ts). */
    reuse: text({ enum: REUSE_MODES }).notNull().default("fresh"),
    /** Whether the plugin's variables outlive a call (worker/execution/kept-variables.ts). */
    persistVariables: integer("persist_variables", { mode: "boolean" }).notNull().default(false),
    /** Present while it runs without capabilities and with half its limits. */
    safeMode: text("safe_mode", { mode: "json" }).$type<SafeMode>(),
    /** The isolate generation that calls begin with; a restart raises it. */
    generation: integer().notNull().default(0),
    /** By name of a hook: what the operator set instead of what the manifest says. */
    hooks: text({ mode: "json" }).$type<HookOverrides>().notNull().default({}),
    /** What stands in where a plain call of the plugin fails. */
    fallback: text({ mode: "json" }).$type<Fallback>(),
    /** Which payloads of calls are held against the manifest. */
    validate: text({ enum: VALIDATION_MODES }).notNull().default("off"),
    installedBy: text("installed_by").notNull(),
    createdAt: integer("created_at").notNull(),
    updatedAt: integer("updated_at").notNull(),
  },
  (table) => [
    uniqueIndex("plugin_instances_by_plugin").on(table.tenantId, table.pluginId),
    index("plugin_instances_by_state").on(table.tenantId, table.state),
  ],
);

/** Installs that were removed and whose data is still to be deleted, and looked for once more. */
export const installRemovals = sqliteTable(
  "install_removals",
  {
    installId: text("install_id").primaryKey(),
    tenantId: text("tenant_id").notNull(),
    pluginId: text("plugin_id").notNull(),
    removedAt: integer("removed_at").notNull(),
    /** When it is tried next. */
    dueAt: integer("due_at").notNull(),
    /** Tries that failed since the last that did not. */
    failures: integer().notNull(),
  },
  (table) => [index("install_removals_by_due").on(table.dueAt)],
);

/** Grants of capabilities, one row each; a row that was replaced or revoked stays, with its end. */
export const pluginPermissions = sqliteTable(
  "plugin_permissions",
  {
    id: text().primaryKey(),
    tenantId: text("tenant_id").notNull(),
    installId: text("install_id").notNull(),
    pluginId: text("plugin_id").notNull(),
    capability: text().notNull(),
    /** Version of the plugin whose manifest asked, and what it asked for. */
    version: text().notNull(),
    asked: text({ mode: "json" }).$type<Grant>().notNull(),
    /** What the admin narrowed; what is left out is as asked. */
    granted: text({ mode: "json" }).$type<Grant>().notNull(),
    grantedBy: text("granted_by").notNull(),
    grantedAt: integer("granted_at").notNull(),
    endedBy: text("ended_by"),
    endedAt: integer("ended_at"),
    /** Why: an admin revoked it, another grant took its place, the version asks no longer, the install was removed. */
    ending: text({ enum: ["revoked", "replaced", "unasked", "uninstalled"] }),
  },
  (table) => [
    uniqueIndex("plugin_permissions_in_force")
      .on(table.tenantId, table.installId, table.capability)
      .where(sql`ended_at IS NULL`),
    index("plugin_permissions_by_install").on(table.tenantId, table.installId, table.id),
  ],
);

/** Versions that ask for more than the installed one: what was asked, and what an admin said. */
export const pluginConsents = sqliteTable(
  "plugin_consents",
  {
    id: text().primaryKey(),
    tenantId: text("tenant_id").notNull(),
    installId: text("install_id").notNull(),
    pluginId: text("plugin_id").notNull(),
    fromVersion: text("from_version").notNull(),
    version: text().notNull(),
    /** What the version asks for beyond the installed one. */
    additions: text({ mode: "json" }).$type<Addition[]>().notNull(),
    requestedBy: text("requested_by").notNull(),
    requestedAt: integer("requested_at").notNull(),
    decidedBy: text("decided_by"),
    decidedAt: integer("decided_at"),
    /** `superseded`: another version was asked for, or the install moved on without it. */
    decision: text({ enum: ["granted", "refused", "superseded"] }),
  },
  (table) => [
    uniqueIndex("plugin_consents_pending")
      .on(table.tenantId, table.installId)
      .where(sql`decided_at IS NULL`),
    index("plugin_consents_by_install").on(table.tenantId, table.installId, table.id),
  ],
);

/**
 * Moves of installs to other versions: what replaying recorded calls showed, how far the canary got, and how it ended. At most
 * one of an install is running, which is in state `canary`.
 */
export const pluginUpgrades = sqliteTable(
  "plugin_upgrades",
  {
    id: text().primaryKey(),
    tenantId: text("tenant_id").notNull(),
    installId: text("install_id").notNull(),
    pluginId: text("plugin_id").notNull(),
    fromVersion: text("from_version").notNull(),
    version: text().notNull(),
    versionId: text("version_id").notNull(),
    state: text({ enum: ["refused", "canary", "promoted", "returned", "aborted", "rolled-back"] }).notNull(),
    /** Why it ended, or why it goes on although the gate said no. */
    reason: text(),
    forced: integer({ mode: "boolean" }).notNull(),
    gate: text({ mode: "json" }).$type<GateReport>().notNull(),
    steps: text({ mode: "json" }).$type<readonly CanaryStep[]>().notNull(),
    /** Place in `steps`, from 0. */
    step: integer().notNull(),
    stepStartedAt: integer("step_started_at").notNull(),
    assignBy: text("assign_by", { enum: ["call", "subject"] }).notNull(),
    salt: text().notNull(),
    /** Calls of the present step, and those of them that failed by the plugin's fault. */
    candidateCalls: integer("candidate_calls").notNull().default(0),
    candidateFaults: integer("candidate_faults").notNull().default(0),
    incumbentCalls: integer("incumbent_calls").notNull().default(0),
    incumbentFaults: integer("incumbent_faults").notNull().default(0),
    /** What the candidate reads as its configuration, by environment; null: what the install reads. */
    effective: text({ mode: "json" }).$type<Partial<Record<Environment, JsonObject>>>(),
    secrets: text({ mode: "json" }).$type<Partial<Record<Environment, Record<string, SealedValue>>>>(),
    startedBy: text("started_by").notNull(),
    startedAt: integer("started_at").notNull(),
    endedAt: integer("ended_at"),
    /** Objects in the store that hold what the install had stored before; null: nothing is kept. */
    storageSegments: integer("storage_segments"),
  },
  (table) => [
    index("plugin_upgrades_with_storage")
      .on(table.startedAt)
      .where(sql`storage_segments IS NOT NULL`),
    uniqueIndex("plugin_upgrades_running")
      .on(table.tenantId, table.installId)
      .where(sql`state = 'canary'`),
    index("plugin_upgrades_by_install").on(table.tenantId, table.installId, table.id),
    index("plugin_upgrades_by_state").on(table.state, table.stepStartedAt),
  ],
);

/** Versions that an install had, to go back to. */
export const pluginKeptVersions = sqliteTable(
  "plugin_kept_versions",
  {
    tenantId: text("tenant_id").notNull(),
    installId: text("install_id").notNull(),
    versionId: text("version_id").notNull(),
    version: text().notNull(),
    /** Grants when the install left the version, and what its successor took over of them. */
    grants: text({ mode: "json" }).$type<Grants>().notNull(),
    carried: text({ mode: "json" }).$type<Grants>().notNull(),
    /** True where it was left by a rollback: nobody goes there unasked. */
    rolledBack: integer("rolled_back", { mode: "boolean" }).notNull().default(false),
    leftAt: integer("left_at").notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.installId, table.versionId] })],
);

/** Which new versions an install takes by itself. */
export const updatePolicies = sqliteTable(
  "plugin_update_policies",
  {
    tenantId: text("tenant_id").notNull(),
    installId: text("install_id").notNull(),
    pluginId: text("plugin_id").notNull(),
    policy: text({ enum: ["none", "patch", "minor"] }).notNull(),
    channel: text().notNull(),
    /** The install stays in its version, whoever asks. */
    pinned: integer({ mode: "boolean" }).notNull(),
    updatedBy: text("updated_by").notNull(),
    updatedAt: integer("updated_at").notNull(),
    /** When it was last looked whether there is a newer version. */
    checkedAt: integer("checked_at").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.installId] }),
    index("plugin_update_policies_by_check").on(table.policy, table.checkedAt),
  ],
);

/** Revisions of the configuration of an install. The one that holds is named by plugin_instances.config_revision. */
export const pluginConfigurations = sqliteTable(
  "plugin_configurations",
  {
    installId: text("install_id").notNull(),
    revision: integer().notNull(),
    tenantId: text("tenant_id").notNull(),
    pluginId: text("plugin_id").notNull(),
    /** Version of the plugin whose schema it fits. */
    version: text().notNull(),
    /** What was set, by environment, without secrets. */
    values: text({ mode: "json" }).$type<Partial<Record<Environment, JsonObject>>>().notNull(),
    /** Secrets by environment and pointer, each sealed by itself. */
    secrets: text({ mode: "json" }).$type<Partial<Record<Environment, Record<string, SealedValue>>>>().notNull(),
    /** What plugins read, by environment: values with the schema's defaults, without secrets. */
    effective: text({ mode: "json" }).$type<Partial<Record<Environment, JsonObject>>>().notNull(),
    /** Environment that the change was about; `all` where it was about the whole. */
    environment: text({ enum: ["default", "development", "staging", "production", "all"] }).notNull(),
    change: text({ enum: ["installed", "set", "patched", "rolled-back", "migrated"] }).notNull(),
    /** Pointers of what differs from the revision before. */
    changed: text({ mode: "json" }).$type<string[]>().notNull(),
    author: text().notNull(),
    createdAt: integer("created_at").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.installId, table.revision] }),
    index("plugin_configurations_by_plugin").on(table.tenantId, table.pluginId),
  ],
);

/** Named sets of values to configure a plugin with; never secrets. */
export const configTemplates = sqliteTable(
  "config_templates",
  {
    tenantId: text("tenant_id").notNull(),
    pluginId: text("plugin_id").notNull(),
    name: text().notNull(),
    description: text().notNull(),
    values: text({ mode: "json" }).$type<JsonObject>().notNull(),
    author: text().notNull(),
    createdAt: integer("created_at").notNull(),
    updatedAt: integer("updated_at").notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.pluginId, table.name] })],
);

// The platform's own

/** Revisions of the platform's settings, whole each; the largest holds. Catalogue in sdk/contract/settings.ts. */
export const platformSettings = sqliteTable("platform_settings", {
  revision: integer().primaryKey(),
  settings: text({ mode: "json" }).$type<Record<string, Record<string, string | number | boolean>>>().notNull(),
  /** Names of what differs from the revision before. */
  changed: text({ mode: "json" }).$type<string[]>().notNull(),
  author: text().notNull(),
  createdAt: integer("created_at").notNull(),
});

/** Deployments that were seen, each once. */
export const environments = sqliteTable("environments", {
  digest: text().primaryKey(),
  fingerprint: text({ mode: "json" }).$type<Fingerprint>().notNull(),
  firstSeenAt: integer("first_seen_at").notNull(),
});

// What happened

export const pluginExecutions = sqliteTable(
  "plugin_executions",
  {
    id: text().primaryKey(),
    tenantId: text("tenant_id").notNull(),
    installId: text("install_id").notNull(),
    pluginId: text("plugin_id").notNull(),
    version: text().notNull(),
    functionName: text("function_name").notNull(),
    status: text({ enum: ["succeeded", "failed"] }).notNull(),
    errorCode: text("error_code"),
    errorDetail: text("error_detail"),
    durationMs: integer("duration_ms").notNull(),
    fuel: integer().notNull(),
    memoryBytes: integer("memory_bytes").notNull(),
    hostCalls: integer("host_calls").notNull(),
    inputBytes: integer("input_bytes").notNull(),
    outputBytes: integer("output_bytes").notNull(),
    logLines: integer("log_lines").notNull(),
    traceId: text("trace_id").notNull(),
    subject: text().notNull(),
    startedAt: integer("started_at").notNull(),
    /** Why the call was chosen to be recorded; null: it was not. */
    recorded: text({ enum: ["failure", "sample"] }),
  },
  (table) => [
    index("plugin_executions_by_plugin").on(table.tenantId, table.pluginId, table.id),
    index("plugin_executions_recorded")
      .on(table.tenantId, table.installId, table.version, table.recorded, table.id)
      .where(sql`recorded IS NOT NULL`),
    index("plugin_executions_by_age").on(table.startedAt),
  ],
);

/** Typed event log of a tenant; catalogue in sdk/contract/events.ts. */
export const pluginEvents = sqliteTable(
  "plugin_events",
  {
    id: text().primaryKey(),
    tenantId: text("tenant_id").notNull(),
    /** Empty where the event concerns the tenant and no plugin. */
    pluginId: text("plugin_id").notNull(),
    type: text().notNull(),
    data: text({ mode: "json" }).$type<Record<string, EventValue>>().notNull(),
    subject: text().notNull(),
    createdAt: integer("created_at").notNull(),
    /** Counts the tenant's events from 1 without gaps; given by the statement that records the event. */
    sequence: integer().notNull().default(0),
  },
  (table) => [
    uniqueIndex("plugin_events_by_sequence").on(table.tenantId, table.sequence),
    index("plugin_events_by_plugin_sequence").on(table.tenantId, table.pluginId, table.sequence),
    index("plugin_events_by_type").on(table.tenantId, table.type, table.createdAt),
    index("plugin_events_by_age").on(table.createdAt),
    index("plugin_events_of_breakers")
      .on(table.tenantId, table.createdAt)
      .where(sql`type = 'breaker.opened'`),
  ],
);

/** What was done to heal installs, one row for each remedy. The row in `running` is also the lease: one for each install. */
export const healingEvents = sqliteTable(
  "healing_events",
  {
    id: text().primaryKey(),
    tenantId: text("tenant_id").notNull(),
    installId: text("install_id").notNull(),
    pluginId: text("plugin_id").notNull(),
    cause: text({ enum: CAUSES }).notNull(),
    /** Error code or kind of finding; null where an operator asked without one. */
    code: text(),
    remedy: text({ enum: REMEDIES }).notNull(),
    /** Why this remedy, or what the operator wrote. */
    reason: text().notNull(),
    before: text({ mode: "json" }).$type<InstallFacts>().notNull(),
    after: text({ mode: "json" }).$type<InstallFacts>(),
    verification: text({ mode: "json" }).$type<HealingVerification>(),
    outcome: text({ enum: HEALING_OUTCOMES }).notNull(),
    subject: text().notNull(),
    startedAt: integer("started_at").notNull(),
    endedAt: integer("ended_at"),
  },
  (table) => [
    uniqueIndex("healing_events_running")
      .on(table.tenantId, table.installId)
      .where(sql`outcome = 'running'`),
    index("healing_events_by_tenant").on(table.tenantId, table.id),
    index("healing_events_by_install").on(table.tenantId, table.installId, table.id),
    index("healing_events_by_age").on(table.startedAt),
  ],
);

/** Messages that were given up for one subscriber; they wait to be looked at, sent again or deleted. */
export const deadLetters = sqliteTable(
  "dead_letters",
  {
    id: text().primaryKey(),
    tenantId: text("tenant_id").notNull(),
    /** The delivery as the queue carried it, so that it can be sent again as it was. */
    delivery: text({ mode: "json" }).$type<Delivery>().notNull(),
    messageId: text("message_id").notNull(),
    topic: text().notNull(),
    installId: text("install_id").notNull(),
    pluginId: text("plugin_id").notNull(),
    functionName: text("function_name").notNull(),
    errorCode: text("error_code").notNull(),
    errorDetail: text("error_detail").notNull(),
    attempts: integer().notNull(),
    publishedAt: integer("published_at").notNull(),
    createdAt: integer("created_at").notNull(),
  },
  (table) => [
    uniqueIndex("dead_letters_by_delivery").on(table.tenantId, table.messageId, table.installId, table.functionName),
    index("dead_letters_by_tenant").on(table.tenantId, table.id),
    index("dead_letters_by_age").on(table.createdAt),
  ],
);

/** What went over a topic. Counted after the fact, in batches; a batch that is counted twice or never costs nothing else. */
export const topicCounts = sqliteTable(
  "topic_counts",
  {
    tenantId: text("tenant_id").notNull(),
    topic: text().notNull(),
    published: integer().notNull(),
    delivered: integer().notNull(),
    /** Attempts that failed. */
    failed: integer().notNull(),
    deadLettered: integer("dead_lettered").notNull(),
    lastPublishedAt: integer("last_published_at").notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.topic] })],
);

/** Who changed what: append-only. `before` and `after` are JSON text without secrets, bounded in size. */
export const auditLog = sqliteTable(
  "audit_log",
  {
    id: text().primaryKey(),
    /** Whose log it is. */
    tenantId: text("tenant_id").notNull(),
    action: text().notNull(),
    resource: text().notNull(),
    resourceId: text("resource_id").notNull(),
    subject: text().notNull(),
    actorTenantId: text("actor_tenant_id").notNull(),
    roles: text({ mode: "json" }).$type<string[]>().notNull(),
    before: text(),
    after: text(),
    traceId: text("trace_id"),
    at: integer().notNull(),
    /** Counts a tenant's rows from 1 without gaps, in the order in which they were committed. */
    sequence: integer().notNull(),
  },
  (table) => [
    uniqueIndex("audit_log_by_sequence").on(table.tenantId, table.sequence),
    index("audit_log_by_time").on(table.tenantId, table.at),
    index("audit_log_by_resource").on(table.tenantId, table.resource, table.resourceId, table.sequence),
  ],
);

/** Chain of hashes over a tenant's audit log, one seal for each row, made in order shortly after the rows. Append-only. */
export const auditSeals = sqliteTable(
  "audit_seals",
  {
    tenantId: text("tenant_id").notNull(),
    sequence: integer().notNull(),
    rowId: text("row_id").notNull(),
    /** SHA-256 in hexadecimal, of the seal before and the row. */
    hash: text().notNull(),
    sealedAt: integer("sealed_at").notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.sequence] })],
);

/** How far the chain of a tenant's audit log is written to the store and checked. Proves nothing by itself. */
export const auditChains = sqliteTable(
  "audit_chains",
  {
    tenantId: text("tenant_id").primaryKey(),
    /** Last number that the head in the store covers. */
    headSequence: integer("head_sequence").notNull().default(0),
    /** Where the pass under way goes on; 0 between passes. */
    verifiedSequence: integer("verified_sequence").notNull().default(0),
    /** End of the last pass. */
    checkedAt: integer("checked_at").notNull().default(0),
    brokenSequence: integer("broken_sequence"),
    brokenFault: text("broken_fault"),
  },
  (table) => [index("audit_chains_by_check").on(table.checkedAt)],
);

/**
 * What installs used of their capabilities, by UTC day. The row with an empty scope counts all; one with a host, topic or
 * service counts the executions that touched it.
 */
export const capabilityUsage = sqliteTable(
  "plugin_capability_usage",
  {
    tenantId: text("tenant_id").notNull(),
    installId: text("install_id").notNull(),
    pluginId: text("plugin_id").notNull(),
    capability: text().notNull(),
    scope: text().notNull(),
    /** Days since the epoch. */
    day: integer().notNull(),
    executions: integer().notNull(),
    calls: integer().notNull(),
    refused: integer().notNull(),
    bytes: integer().notNull(),
    /** Largest of one execution. */
    peakCalls: integer("peak_calls").notNull(),
    peakBytes: integer("peak_bytes").notNull(),
    lastUsedAt: integer("last_used_at").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.installId, table.capability, table.scope, table.day] }),
    index("plugin_capability_usage_by_day").on(table.day),
  ],
);

/**
 * Beside the sums of plugin_capability_usage, by UTC day: the most that one execution used or found held of a quota, and how often
 * a capability was refused with which error.
 */
export const capabilityDetails = sqliteTable(
  "plugin_capability_details",
  {
    tenantId: text("tenant_id").notNull(),
    installId: text("install_id").notNull(),
    capability: text().notNull(),
    kind: text({ enum: ["peak", "refusal"] }).notNull(),
    /** The quota, or the error. */
    name: text().notNull(),
    /** Days since the epoch. */
    day: integer().notNull(),
    value: integer().notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.installId, table.capability, table.kind, table.name, table.day] }),
    index("plugin_capability_details_by_day").on(table.day),
  ],
);

/** Where a tenant's events are sent. */
export const webhooks = sqliteTable(
  "webhooks",
  {
    id: text().primaryKey(),
    tenantId: text("tenant_id").notNull(),
    url: text().notNull(),
    /** Empty: every type. */
    types: text({ mode: "json" }).$type<EventType[]>().notNull(),
    /** Sealed with the key ring of configurations. */
    secret: text({ mode: "json" }).$type<SealedSecret>().notNull(),
    active: integer({ mode: "boolean" }).notNull(),
    /** Number of the last event that was looked at for it. */
    position: integer().notNull(),
    createdBy: text("created_by").notNull(),
    createdAt: integer("created_at").notNull(),
    updatedAt: integer("updated_at").notNull(),
  },
  (table) => [index("webhooks_by_tenant").on(table.tenantId, table.id)],
);

/** A tenant's own rules of alerts, and its changes to the built-in ones, under their ids. */
export const alertRules = sqliteTable(
  "alert_rules",
  {
    tenantId: text("tenant_id").notNull(),
    id: text().notNull(),
    name: text().notNull(),
    condition: text({ mode: "json" }).$type<Condition>().notNull(),
    pluginId: text("plugin_id"),
    per: text({ enum: ["plugin", "tenant"] }).notNull(),
    severity: text({ enum: ["info", "notice", "warning", "error"] }).notNull(),
    channels: text({ mode: "json" }).$type<Channel[]>().notNull(),
    /** How long the condition must hold before the alert fires, and be over before it is resolved. */
    forMinutes: integer("for_minutes").notNull(),
    holdMinutes: integer("hold_minutes").notNull(),
    /** Who was told is told again after this time. */
    repeatMinutes: integer("repeat_minutes").notNull(),
    enabled: integer({ mode: "boolean" }).notNull(),
    createdBy: text("created_by").notNull(),
    createdAt: integer("created_at").notNull(),
    updatedAt: integer("updated_at").notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] })],
);

/** What rules found. Of one rule and one thing it watches one alert is open. */
export const alerts = sqliteTable(
  "alerts",
  {
    id: text().primaryKey(),
    tenantId: text("tenant_id").notNull(),
    ruleId: text("rule_id").notNull(),
    /** As it was when the alert began. */
    ruleName: text("rule_name").notNull(),
    /** Plugin; empty where the alert is about the whole tenant. */
    scope: text().notNull(),
    severity: text({ enum: ["info", "notice", "warning", "error"] }).notNull(),
    state: text({ enum: ["pending", "firing", "resolved"] }).notNull(),
    evidence: text({ mode: "json" }).$type<Evidence>().notNull(),
    startedAt: integer("started_at").notNull(),
    firedAt: integer("fired_at"),
    /** Since when the condition no longer holds. */
    clearedAt: integer("cleared_at"),
    resolvedAt: integer("resolved_at"),
    notifications: integer().notNull(),
    lastNotifiedAt: integer("last_notified_at"),
    /** The silence that kept it quiet last. */
    silenceId: text("silence_id"),
    acknowledgedBy: text("acknowledged_by"),
    acknowledgedAt: integer("acknowledged_at"),
    note: text(),
    /** Grows with each change. */
    revision: integer().notNull(),
  },
  (table) => [
    uniqueIndex("alerts_open")
      .on(table.tenantId, table.ruleId, table.scope)
      .where(sql`state <> 'resolved'`),
    index("alerts_by_tenant").on(table.tenantId, table.id),
    index("alerts_by_state").on(table.state, table.resolvedAt),
  ],
);

/** Times in which alerts are recorded and nobody is told. */
export const alertSilences = sqliteTable(
  "alert_silences",
  {
    id: text().primaryKey(),
    tenantId: text("tenant_id").notNull(),
    /** What is null matches all. */
    ruleId: text("rule_id"),
    pluginId: text("plugin_id"),
    severity: text({ enum: ["info", "notice", "warning", "error"] }),
    from: integer("from_time").notNull(),
    until: integer("until_time").notNull(),
    reason: text().notNull(),
    createdBy: text("created_by").notNull(),
    createdAt: integer("created_at").notNull(),
  },
  (table) => [index("alert_silences_by_end").on(table.tenantId, table.until)],
);

/** Addresses that take alerts once their owner has said so. */
export const alertEmails = sqliteTable(
  "alert_emails",
  {
    id: text().primaryKey(),
    tenantId: text("tenant_id").notNull(),
    address: text().notNull(),
    /** SHA-256 of the secret in the link that confirms it, hexadecimal; null once confirmed. */
    linkHash: text("link_hash"),
    linkExpiresAt: integer("link_expires_at"),
    confirmedAt: integer("confirmed_at"),
    createdBy: text("created_by").notNull(),
    createdAt: integer("created_at").notNull(),
    updatedAt: integer("updated_at").notNull(),
  },
  (table) => [uniqueIndex("alert_emails_by_address").on(table.tenantId, table.address)],
);

/**
 * Events on their way to webhooks, and what plugins send, with what came of it. What is pending here is sent, whether its bell
 * rings or not. What a plugin sends has its install as webhook, and the plugin's own id as event.
 */
export const webhookDeliveries = sqliteTable(
  "webhook_deliveries",
  {
    id: text().primaryKey(),
    tenantId: text("tenant_id").notNull(),
    webhookId: text("webhook_id").notNull(),
    eventId: text("event_id").notNull(),
    eventType: text("event_type").notNull(),
    sequence: integer().notNull(),
    state: text({ enum: ["pending", "delivered", "dead", "dropped"] }).notNull(),
    attempts: integer().notNull(),
    status: integer(),
    errorCode: text("error_code"),
    dueAt: integer("due_at").notNull(),
    createdAt: integer("created_at").notNull(),
    updatedAt: integer("updated_at").notNull(),
    outgoing: text({ mode: "json" }).$type<OutgoingContent>(),
    /** What it goes over; by e-mail it has its address as webhook. */
    channel: text({ enum: ["webhook", "email"] })
      .notNull()
      .default("webhook"),
  },
  (table) => [
    uniqueIndex("webhook_deliveries_by_event").on(table.webhookId, table.eventId),
    index("webhook_deliveries_by_state").on(table.webhookId, table.state),
    index("webhook_deliveries_by_webhook").on(table.tenantId, table.webhookId, table.id),
    index("webhook_deliveries_by_due").on(table.state, table.dueAt),
    index("webhook_deliveries_by_age").on(table.createdAt),
  ],
);

/** Secrets of installs beside their configuration: what signs their webhooks, and their OAuth clients. */
export const installSecrets = sqliteTable(
  "install_secrets",
  {
    tenantId: text("tenant_id").notNull(),
    installId: text("install_id").notNull(),
    kind: text({ enum: ["webhook-signing", "oauth-client"] }).notNull(),
    name: text().notNull(),
    /** Sealed with DATA_KEYS, in base64. */
    sealed: text().notNull(),
    /** What may be shown. */
    detail: text({ mode: "json" }).$type<Record<string, unknown>>().notNull(),
    /** Grows with each change. */
    revision: integer().notNull(),
    updatedBy: text("updated_by").notNull(),
    updatedAt: integer("updated_at").notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.installId, table.kind, table.name] })],
);

/** Names and labels of plugins' metrics: what is not here is not counted, so that their number has an end. */
export const metricSeries = sqliteTable(
  "plugin_metric_series",
  {
    tenantId: text("tenant_id").notNull(),
    pluginId: text("plugin_id").notNull(),
    name: text().notNull(),
    kind: text({ enum: ["counter", "gauge", "histogram"] }).notNull(),
    /** JSON, names in order. */
    labels: text().notNull(),
    lastAt: integer("last_at").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.pluginId, table.name, table.kind, table.labels] }),
    index("plugin_metric_series_by_age").on(table.lastAt),
  ],
);

/** Plugins' metrics by minute and by hour. A histogram has a row for each bucket, so that rows of any periods add up. */
export const pluginMetrics = sqliteTable(
  "plugin_metrics",
  {
    tenantId: text("tenant_id").notNull(),
    pluginId: text("plugin_id").notNull(),
    name: text().notNull(),
    kind: text({ enum: ["counter", "gauge", "histogram"] }).notNull(),
    labels: text().notNull(),
    /** Milliseconds that the row is about. */
    period: integer().notNull(),
    /** When they began, milliseconds since the epoch. */
    at: integer().notNull(),
    bucket: integer().notNull(),
    count: integer().notNull(),
    sum: real().notNull(),
    least: real().notNull(),
    most: real().notNull(),
    last: real().notNull(),
    lastAt: integer("last_at").notNull(),
  },
  (table) => [
    primaryKey({
      columns: [
        table.tenantId,
        table.pluginId,
        table.period,
        table.at,
        table.name,
        table.kind,
        table.labels,
        table.bucket,
      ],
    }),
    index("plugin_metrics_by_age").on(table.period, table.at),
  ],
);

// Self-debug

/** Samples of how installs do, a few by hour; the latest of an install is its last known health. */
export const pluginHealthChecks = sqliteTable(
  "plugin_health_checks",
  {
    id: text().primaryKey(),
    tenantId: text("tenant_id").notNull(),
    installId: text("install_id").notNull(),
    pluginId: text("plugin_id").notNull(),
    version: text().notNull(),
    status: text({ enum: HEALTH_STATUSES }).notNull(),
    /** 0 to 100; null where nothing is known. */
    score: integer(),
    breaker: text({ enum: ["closed", "open", "half-open"] }).notNull(),
    /** Calls of the hour before, and the share of them that failed. */
    calls: integer().notNull(),
    errorRate: real("error_rate"),
    p95Ms: real("p95_ms"),
    /** Share of the day before in which calls were not refused. */
    uptime: real().notNull(),
    selfCheck: text("self_check", { enum: CHECK_STATUSES }).notNull(),
    selfCheckCode: text("self_check_code"),
    checkedAt: integer("checked_at").notNull(),
  },
  (table) => [
    index("plugin_health_checks_by_install").on(table.tenantId, table.installId, table.checkedAt),
    index("plugin_health_checks_by_age").on(table.checkedAt),
  ],
);

/** Runs of the audit. Counts grow as chunks are done; the last of them sets the end. */
export const pluginAudits = sqliteTable(
  "plugin_audits",
  {
    id: text().primaryKey(),
    tenantId: text("tenant_id").notNull(),
    trigger: text({ enum: ["cron", "manual"] }).notNull(),
    scope: text({ enum: ["install", "active-only", "all"] }).notNull(),
    /** Empty where the audit is of more than one install. */
    pluginId: text("plugin_id").notNull(),
    requestedBy: text("requested_by").notNull(),
    /** Installs to audit, and those that were. */
    total: integer().notNull(),
    done: integer().notNull(),
    /** Of those done: installs that could not be audited. */
    failed: integer().notNull(),
    critical: integer().notNull(),
    high: integer().notNull(),
    medium: integer().notNull(),
    low: integer().notNull(),
    info: integer().notNull(),
    startedAt: integer("started_at").notNull(),
    finishedAt: integer("finished_at"),
  },
  (table) => [
    index("plugin_audits_by_tenant").on(table.tenantId, table.id),
    index("plugin_audits_by_start").on(table.tenantId, table.trigger, table.startedAt),
    index("plugin_audits_by_age").on(table.startedAt),
  ],
);

/** Parts of a run, one queue message each. The row is the truth: what is not done is rung for again. */
export const pluginAuditChunks = sqliteTable(
  "plugin_audit_chunks",
  {
    auditId: text("audit_id").notNull(),
    number: integer().notNull(),
    tenantId: text("tenant_id").notNull(),
    /** Ids of installs. */
    installs: text({ mode: "json" }).$type<string[]>().notNull(),
    /** Whether what the tenant owns beside its installs is audited with it. */
    withTenant: integer("with_tenant", { mode: "boolean" }).notNull(),
    rungAt: integer("rung_at").notNull(),
    doneAt: integer("done_at"),
  },
  (table) => [
    primaryKey({ columns: [table.auditId, table.number] }),
    index("plugin_audit_chunks_undone")
      .on(table.rungAt)
      .where(sql`done_at IS NULL`),
  ],
);

/** What audits found, one row for each problem of an install, however often it was found. */
export const auditFindings = sqliteTable(
  "audit_findings",
  {
    id: text().primaryKey(),
    tenantId: text("tenant_id").notNull(),
    /** Both empty where it concerns the tenant and no install. */
    installId: text("install_id").notNull(),
    pluginId: text("plugin_id").notNull(),
    rule: text().notNull(),
    /** Tells findings of one rule and install apart. */
    dedupKey: text("dedup_key").notNull(),
    severity: text({ enum: ["critical", "high", "medium", "low", "info"] }).notNull(),
    evidence: text({ mode: "json" }).$type<Record<string, unknown>>().notNull(),
    remedy: text().$type<RemedyAction>().notNull(),
    remedyText: text("remedy_text").notNull(),
    state: text({ enum: ["open", "acknowledged", "fixed"] }).notNull(),
    /** Who acknowledged or reopened it last, and why. */
    stateBy: text("state_by"),
    stateReason: text("state_reason"),
    firstSeenAt: integer("first_seen_at").notNull(),
    lastSeenAt: integer("last_seen_at").notNull(),
    /** When the state it is in began. */
    stateSince: integer("state_since").notNull(),
    /** Audits that found it. */
    count: integer().notNull(),
    /** The last of them. */
    auditId: text("audit_id").notNull(),
    /** Execution whose recording shows it. */
    recordingId: text("recording_id"),
    history: text({ mode: "json" }).$type<FindingHistory[]>().notNull(),
  },
  (table) => [
    uniqueIndex("audit_findings_by_key").on(table.tenantId, table.installId, table.rule, table.dedupKey),
    index("audit_findings_by_state").on(table.tenantId, table.state, table.id),
    index("audit_findings_by_age").on(table.state, table.stateSince),
  ],
);

/** Known vulnerabilities of plugins, recorded by admins of the platform. */
export const pluginAdvisories = sqliteTable(
  "plugin_advisories",
  {
    id: text().primaryKey(),
    pluginId: text("plugin_id").notNull(),
    /** Versions that have it, as a range of semantic versions. */
    range: text().notNull(),
    severity: text({ enum: ["critical", "high", "medium", "low"] }).notNull(),
    text: text().notNull(),
    recordedBy: text("recorded_by").notNull(),
    createdAt: integer("created_at").notNull(),
    withdrawnAt: integer("withdrawn_at"),
  },
  (table) => [index("plugin_advisories_by_plugin").on(table.pluginId)],
);

/** Calls of an install by minute, for the detection of anomalies. Logarithms are natural, of one more than the value. */
export const pluginCallMinutes = sqliteTable(
  "plugin_call_minutes",
  {
    tenantId: text("tenant_id").notNull(),
    installId: text("install_id").notNull(),
    pluginId: text("plugin_id").notNull(),
    /** When it began, milliseconds since the epoch. */
    minute: integer().notNull(),
    calls: integer().notNull(),
    failed: integer().notNull(),
    logDuration: real("log_duration").notNull(),
    logDurationSquares: real("log_duration_squares").notNull(),
    logFuel: real("log_fuel").notNull(),
    logFuelSquares: real("log_fuel_squares").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.installId, table.minute] }),
    index("plugin_call_minutes_by_age").on(table.minute),
  ],
);

/** What the detector remembers of an install: of constant size. */
export const anomalySeries = sqliteTable(
  "anomaly_series",
  {
    tenantId: text("tenant_id").notNull(),
    installId: text("install_id").notNull(),
    pluginId: text("plugin_id").notNull(),
    /** Minute it has seen last. */
    minute: integer().notNull(),
    /** Whether a minute without calls would tell it something. */
    watchesSilence: integer("watches_silence", { mode: "boolean" }).notNull(),
    states: text({ mode: "json" }).$type<AnomalyStates>().notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.installId] }),
    index("anomaly_series_by_silence").on(table.watchesSilence, table.minute),
  ],
);

export const pluginAnomalies = sqliteTable(
  "plugin_anomalies",
  {
    id: text().primaryKey(),
    tenantId: text("tenant_id").notNull(),
    installId: text("install_id").notNull(),
    pluginId: text("plugin_id").notNull(),
    metric: text({ enum: ["rate", "errors", "latency", "fuel"] }).notNull(),
    direction: text({ enum: ["up", "down"] }).notNull(),
    /** What was usual, and the value farthest from it, in the metric's unit. */
    expected: real().notNull(),
    observed: real().notNull(),
    /** Standard deviations between the two. */
    score: real().notNull(),
    startedAt: integer("started_at").notNull(),
    endedAt: integer("ended_at"),
  },
  (table) => [
    index("plugin_anomalies_by_plugin").on(table.tenantId, table.pluginId, table.id),
    index("plugin_anomalies_by_age").on(table.startedAt),
  ],
);

/** Backups: what is in R2 and what is known of it. Neither backed up nor restored themselves. */
export const pluginBackups = sqliteTable(
  "plugin_backups",
  {
    id: text().primaryKey(),
    scope: text({ enum: ["system", "tenant", "install"] }).notNull(),
    /** Whose, but for the whole system's. */
    tenantId: text("tenant_id"),
    installId: text("install_id"),
    trigger: text({ enum: BACKUP_TRIGGERS }).notNull(),
    status: text({ enum: BACKUP_STATES }).notNull(),
    /** Why it failed, or what is wrong with it. */
    reason: text(),
    requestedBy: text("requested_by").notNull(),
    startedAt: integer("started_at").notNull(),
    finishedAt: integer("finished_at"),
    /** When reading began and ended: each tenant's state is from one moment in between. */
    readFrom: integer("read_from"),
    readTo: integer("read_to"),
    verifiedAt: integer("verified_at"),
    schemaVersion: text("schema_version"),
    keyId: text("key_id"),
    /** SHA-256 of the manifest, hexadecimal. */
    manifestDigest: text("manifest_digest"),
    counts: text({ mode: "json" }).$type<BackupCounts>().notNull(),
    /** Stored, without copies that other backups share. */
    bytes: integer().notNull().default(0),
    /** Where the run is: how it goes on after it was cut off. */
    progress: text({ mode: "json" }).$type<BackupProgress>(),
    updatedAt: integer("updated_at").notNull(),
  },
  (table) => [
    index("plugin_backups_by_scope").on(table.scope, table.tenantId, table.installId, table.id),
    index("plugin_backups_by_status").on(table.status, table.updatedAt),
  ],
);

/**
 * Tenants that are being erased or were: where it is, and for good that the id was used. Without anything of the tenant but its id;
 * neither backed up nor restored.
 */
export const tenantErasures = sqliteTable(
  "tenant_erasures",
  {
    tenantId: text("tenant_id").primaryKey(),
    /** `settling`: all was deleted once, and is again when nobody can write any more. */
    status: text({ enum: ERASURE_STATES }).notNull(),
    requestedBy: text("requested_by").notNull(),
    startedAt: integer("started_at").notNull(),
    finishedAt: integer("finished_at"),
    /** When it goes on, whoever was at it before. */
    dueAt: integer("due_at").notNull(),
    /** Tries in a row that failed. */
    failures: integer().notNull(),
    progress: text({ mode: "json" }).$type<ErasureProgress>().notNull(),
    /** Ids of installs, whose objects nothing else names once their rows are gone; empty in the end. */
    installs: text({ mode: "json" }).$type<readonly string[]>().notNull(),
    /** What was deleted. */
    counts: text({ mode: "json" }).$type<ErasureCounts>().notNull(),
    /** What the last scan found. */
    remaining: text({ mode: "json" }).$type<readonly string[]>().notNull(),
    updatedAt: integer("updated_at").notNull(),
  },
  (table) => [index("tenant_erasures_by_due").on(table.status, table.dueAt)],
);

/** Restores, each with where it is. Neither backed up nor restored themselves. */
export const pluginRestores = sqliteTable(
  "plugin_restores",
  {
    id: text().primaryKey(),
    backupId: text("backup_id").notNull(),
    scope: text({ enum: ["system", "tenant", "install"] }).notNull(),
    tenantId: text("tenant_id"),
    installId: text("install_id"),
    status: text({ enum: ["running", "completed", "failed"] }).notNull(),
    reason: text(),
    requestedBy: text("requested_by").notNull(),
    /** Of the backup that was made before anything was changed. */
    safetyBackupId: text("safety_backup_id").notNull(),
    startedAt: integer("started_at").notNull(),
    finishedAt: integer("finished_at"),
    counts: text({ mode: "json" }).$type<RestoreCounts>().notNull(),
    progress: text({ mode: "json" }).$type<RestoreProgress>(),
    updatedAt: integer("updated_at").notNull(),
  },
  (table) => [index("plugin_restores_by_status").on(table.status, table.updatedAt)],
);

/** Rows of a tenant too large for memory, set aside while a backup reads or a restore applies them. */
export const backupRows = sqliteTable(
  "backup_rows",
  {
    /** Of the backup or restore. */
    runId: text("run_id").notNull(),
    tenantId: text("tenant_id").notNull(),
    /** In the order of their tables, and of rows in them. */
    piece: integer().notNull(),
    tableName: text("table_name").notNull(),
    /** JSON: names of columns. */
    columns: text().notNull(),
    /** JSON: a list of rows, each a list of values. */
    rows: text().notNull(),
  },
  (table) => [primaryKey({ columns: [table.runId, table.piece] })],
);
