import type { ErrorCode } from "../../../sdk/contract/errors.ts";
import { MOUNTS } from "../../../worker/http/path-table.ts";
import type { Route } from "../../../worker/http/route.ts";
import { manifestOf } from "../../fixtures/packages/manifests.ts";
import { extismModule } from "../../fixtures/packages/modules.ts";
import type { ApiRequest } from "./api.ts";
import type { Resources } from "./resources.ts";

/** A good request for each operation of the API. The security suite fails for an operation that has none here. */
export interface Example {
  /** Below the mount; names resources of the tenant given. */
  readonly path: string;
  readonly body?: unknown;
  readonly raw?: ApiRequest["raw"];
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * What a caller of another tenant is told, which must be what it is told of a resource that does not exist. Absent
   * where the request names no resource that a tenant owns.
   */
  readonly foreign?: ErrorCode;
  /** What the request, good as it is, ends in: the seeded version has rows but no module in the store. */
  readonly ends?: ErrorCode;
}

function packageForm(manifest: Record<string, unknown>): FormData {
  const form = new FormData();
  form.set("manifest", new Blob([JSON.stringify(manifest)]), "manifest.json");
  form.set("wasm", new Blob([extismModule()]), "plugin.wasm");
  return form;
}

type ExampleOf = (resources: Resources) => Example;

const plugin =
  (suffix: string, foreign: ErrorCode, body?: unknown): ExampleOf =>
  ({ pluginId }) => ({ path: `/${pluginId}${suffix}`, foreign, ...(body === undefined ? {} : { body }) });

const pluginAfter =
  (prefix: string, foreign: ErrorCode, body?: unknown): ExampleOf =>
  ({ pluginId }) => ({ path: `/${prefix}/${pluginId}`, foreign, ...(body === undefined ? {} : { body }) });

const plain =
  (path: string, body?: unknown): ExampleOf =>
  () => ({ path, ...(body === undefined ? {} : { body }) });

const letter =
  (suffix = ""): ExampleOf =>
  ({ deadLetterId }) => ({ path: `/dead-letters/${deadLetterId}${suffix}`, foreign: "DEAD_LETTER_NOT_FOUND" });
/** Without a token nothing says what is served where only some may call. */
const endpoint: ExampleOf = ({ tenantId, pluginId }) => ({
  path: `/run/${tenantId}/${pluginId}/orders/7`,
  ends: "AUTHENTICATION_REQUIRED",
});
/** Writes must say which state they are about. */
const configuring = { headers: { "if-match": "*" } } as const;

const webhook =
  (suffix = "", body?: unknown): ExampleOf =>
  ({ webhookId }) => ({
    path: `/webhooks/${webhookId}${suffix}`,
    foreign: "WEBHOOK_NOT_FOUND",
    ...(body === undefined ? {} : { body }),
  });

const alertRule = {
  name: "Failures",
  condition: { kind: "event", types: ["plugin.failed"], windowMinutes: 15 },
  severity: "error",
};
const named =
  (field: keyof Resources, prefix: string, foreign: ErrorCode, suffix = "", body?: unknown): ExampleOf =>
  (resources) => ({
    path: `${prefix}/${resources[field]}${suffix}`,
    foreign,
    ...(body === undefined ? {} : { body }),
  });
/** No upgrade runs unless a test began one. */
const running =
  (suffix: string): ExampleOf =>
  (resources) => ({ ...plugin(suffix, "INSTALL_NOT_FOUND")(resources), ends: "STATE_CONFLICT" });

const found =
  (suffix = "", body?: unknown): ExampleOf =>
  ({ findingId }) => ({
    path: `/self-debug/findings/${findingId}${suffix}`,
    foreign: "FINDING_NOT_FOUND",
    ...(body === undefined ? {} : { body }),
  });

const execution = { body: { input: "hello" }, foreign: "INSTALL_NOT_FOUND", ends: "INTEGRITY_FAILED" } as const;

export const EXAMPLES: Readonly<Record<string, ExampleOf>> = {
  uploadPackage: ({ tenantId }) => ({ path: "/upload", raw: packageForm(manifestOf({ id: `${tenantId}.uploaded` })) }),
  listPluginVersions: plugin("/versions", "PLUGIN_NOT_FOUND"),
  yankVersion: plugin("/versions/1.0.0/yank", "VERSION_NOT_FOUND", { reason: "loses orders" }),
  unyankVersion: plugin("/versions/1.0.0/yank", "VERSION_NOT_FOUND"),

  listPlugins: plain("/"),
  getPlugin: plugin("", "PLUGIN_NOT_FOUND"),
  listPluginEvents: plugin("/events", "PLUGIN_NOT_FOUND"),
  listTopics: plain("/topics"),
  publishMessage: plain("/topics/orders.created", { data: { total: 3 } }),
  listDeadLetters: plain("/dead-letters"),
  getDeadLetter: letter(),
  redriveDeadLetter: letter("/redrive"),
  deleteDeadLetter: letter(),
  listWebhooks: plain("/webhooks"),
  createWebhook: plain("/webhooks", { url: "https://hooks.example.com/hooks?box=examples" }),
  getWebhook: webhook(),
  updateWebhook: webhook("", { types: ["plugin.failed"] }),
  deleteWebhook: webhook(),
  testWebhook: webhook("/test"),
  listWebhookDeliveries: webhook("/deliveries"),
  redriveWebhookDelivery: ({ webhookId, deliveryId }) => ({
    path: `/webhooks/${webhookId}/deliveries/${deliveryId}/redrive`,
    foreign: "WEBHOOK_NOT_FOUND",
  }),
  listAlertRules: plain("/alerts/rules"),
  createAlertRule: plain("/alerts/rules", alertRule),
  getAlertRule: named("alertRuleId", "/alerts/rules", "ALERT_RULE_NOT_FOUND"),
  replaceAlertRule: named("alertRuleId", "/alerts/rules", "ALERT_RULE_NOT_FOUND", "", alertRule),
  deleteAlertRule: named("alertRuleId", "/alerts/rules", "ALERT_RULE_NOT_FOUND"),
  testAlertRule: named("alertRuleId", "/alerts/rules", "ALERT_RULE_NOT_FOUND", "/test"),
  listAlerts: plain("/alerts?state=firing"),
  getAlert: named("alertId", "/alerts", "ALERT_NOT_FOUND"),
  acknowledgeAlert: named("alertId", "/alerts", "ALERT_NOT_FOUND", "/acknowledge", { note: "mine" }),
  listAlertSilences: plain("/alerts/silences"),
  createAlertSilence: () => ({
    path: "/alerts/silences",
    body: { rule: "dead-letters", until: Date.now() + 3_600_000, reason: "maintenance" },
  }),
  endAlertSilence: named("silenceId", "/alerts/silences", "SILENCE_NOT_FOUND"),
  listAlertEmails: plain("/alerts/emails"),
  addAlertEmail: plain("/alerts/emails", { address: "oncall@example.com" }),
  deleteAlertEmail: named("alertEmailId", "/alerts/emails", "EMAIL_NOT_FOUND"),
  getAuditReport: plain("/reports/audit"),
  getComplianceReport: plain("/reports/compliance?format=json"),
  getCapacityReport: plain("/reports/capacity"),
  listAlertEmailDeliveries: named("alertEmailId", "/alerts/emails", "EMAIL_NOT_FOUND", "/deliveries"),
  redriveAlertEmail: ({ alertEmailId, mailedId }) => ({
    path: `/alerts/emails/${alertEmailId}/deliveries/${mailedId}/redrive`,
    foreign: "EMAIL_NOT_FOUND",
  }),
  // Nothing is told of a link that is none.
  showAlertEmailLink: () => ({ path: "/alerts/emails/confirm?token=none", ends: "EMAIL_LINK_INVALID" }),
  confirmAlertEmail: () => ({ path: "/alerts/emails/confirm?token=none", ends: "EMAIL_LINK_INVALID" }),
  getPluginWebhookSecret: plugin("/webhooks/secret", "INSTALL_NOT_FOUND"),
  rotatePluginWebhookSecret: plugin("/webhooks/secret/rotate", "INSTALL_NOT_FOUND"),
  listPluginWebhookDeliveries: plugin("/webhooks/deliveries", "INSTALL_NOT_FOUND"),
  redrivePluginWebhookDelivery: ({ pluginId, outgoingId }) => ({
    path: `/${pluginId}/webhooks/deliveries/${outgoingId}/redrive`,
    foreign: "INSTALL_NOT_FOUND",
  }),
  getPluginMetrics: plugin("/metrics", "INSTALL_NOT_FOUND"),
  listOAuthClients: plugin("/oauth", "INSTALL_NOT_FOUND"),
  putOAuthClient: plugin("/oauth/mail", "INSTALL_NOT_FOUND", {
    tokenUrl: "https://login.example.com/token",
    clientId: "client",
    clientSecret: "hidden-value",
    grant: "client_credentials",
  }),
  deleteOAuthClient: plugin("/oauth/crm", "INSTALL_NOT_FOUND"),
  streamEvents: () => ({ path: "/events/stream?after=0", ends: "UPGRADE_REQUIRED" }),
  createStreamTicket: plain("/events/stream/tickets"),
  listEvents: plain("/events?order=oldest&after=0"),

  auditPlugin: pluginAfter("self-debug/audit", "INSTALL_NOT_FOUND"),
  auditAllPlugins: plain("/self-debug/audit-all", { scope: "all" }),
  listAudits: plain("/self-debug/audits"),
  getAudit: ({ auditId }) => ({ path: `/self-debug/audits/${auditId}`, foreign: "AUDIT_NOT_FOUND" }),
  listFindings: plain("/self-debug/findings?state=open"),
  getFinding: found(),
  acknowledgeFinding: found("/acknowledge", { reason: "known" }),
  reopenFinding: found("/reopen", { reason: "not done" }),
  getSelfDebugStatus: plain("/self-debug/status"),
  listAnomalies: plugin("/anomalies", "INSTALL_NOT_FOUND"),
  listAdvisories: plain("/advisories"),
  recordAdvisory: ({ pluginId }) => ({
    path: "/advisories",
    body: { pluginId, range: "<1.0.0", severity: "high", text: "leaks" },
  }),
  withdrawAdvisory: ({ advisoryId }) => ({ path: `/advisories/${advisoryId}` }),

  getConfig: plugin("/config", "INSTALL_NOT_FOUND"),
  putConfig: (resources) => ({ ...configuring, ...plugin("/config", "INSTALL_NOT_FOUND", { a: 2 })(resources) }),
  patchConfig: (resources) => ({ ...configuring, ...plugin("/config", "INSTALL_NOT_FOUND", { a: 3 })(resources) }),
  validateConfig: plugin("/config/validate", "INSTALL_NOT_FOUND", { a: 1 }),
  rollBackConfig: plugin("/config/rollback", "INSTALL_NOT_FOUND", { revision: 1 }),
  getConfigSchema: plugin("/config/schema", "INSTALL_NOT_FOUND"),
  listConfigRevisions: plugin("/config/history", "INSTALL_NOT_FOUND"),
  getConfigRevision: plugin("/config/history/1", "INSTALL_NOT_FOUND"),
  listConfigTemplates: plugin("/config/templates", "INSTALL_NOT_FOUND"),
  getConfigTemplate: plugin("/config/templates/small", "INSTALL_NOT_FOUND"),
  putConfigTemplate: plugin("/config/templates/small", "INSTALL_NOT_FOUND", { values: { a: 1 } }),
  deleteConfigTemplate: plugin("/config/templates/small", "INSTALL_NOT_FOUND"),

  listHooks: plain("/hooks"),
  getPluginEndpoint: endpoint,
  postPluginEndpoint: endpoint,
  putPluginEndpoint: endpoint,
  patchPluginEndpoint: endpoint,
  deletePluginEndpoint: endpoint,
  optionsPluginEndpoint: endpoint,
  // Nothing is told of a webhook that the plugin does not take.
  receivePluginWebhook: ({ tenantId, pluginId }) => ({
    path: `/hooks-in/${tenantId}/${pluginId}/orders`,
    raw: "{}",
    ends: "WEBHOOK_NOT_FOUND",
  }),
  fireHook: plain("/hooks/orders:created", { payload: { total: 3 } }),

  listPluginHealth: plain("/health"),
  getPluginHealth: plugin("/health", "INSTALL_NOT_FOUND"),
  forceBreaker: plugin("/breaker", "INSTALL_NOT_FOUND", { state: "open", reason: "incident" }),

  startPlugins: plain("/lifecycle/start"),
  stopPlugins: plain("/lifecycle/stop"),
  checkPluginHealth: plugin("/health_check", "INSTALL_NOT_FOUND"),

  restartPlugin: pluginAfter("restart", "INSTALL_NOT_FOUND"),
  restartPluginById: plugin("/restart", "INSTALL_NOT_FOUND", {}),
  // The seeded version has nothing in the store, so the repair fails, which is an answer.
  repairPlugin: pluginAfter("repair", "INSTALL_NOT_FOUND"),
  repairPluginById: plugin("/repair", "INSTALL_NOT_FOUND", { reason: "to be sure" }),
  quarantinePluginById: plugin("/quarantine", "INSTALL_NOT_FOUND", { reason: "it calls home" }),
  // The seeded install is in use.
  releasePlugin: (resources) => ({ ...plugin("/release", "INSTALL_NOT_FOUND", {})(resources), ends: "STATE_CONFLICT" }),
  setSafeMode: pluginAfter("safe-mode", "INSTALL_NOT_FOUND", { enabled: true }),
  setSafeModeById: plugin("/safe-mode", "INSTALL_NOT_FOUND", { enabled: true, reason: "it behaves oddly" }),
  healPlugin: pluginAfter("self-debug/heal", "INSTALL_NOT_FOUND", { dryRun: true }),
  healPluginById: plugin("/heal", "INSTALL_NOT_FOUND", {}),
  listHealingEvents: plain("/self-debug/healing-events"),

  installPlugin: ({ pluginId }) => ({ path: "/install", body: { pluginId }, foreign: "PLUGIN_NOT_FOUND" }),
  installPluginById: pluginAfter("install", "PLUGIN_NOT_FOUND", {}),
  updatePlugin: plugin("", "INSTALL_NOT_FOUND", { config: { key: "value" } }),
  activatePlugin: plugin("/activate", "INSTALL_NOT_FOUND"),
  loadPlugin: plugin("/load", "INSTALL_NOT_FOUND"),
  deactivatePlugin: plugin("/deactivate", "INSTALL_NOT_FOUND"),
  unloadPlugin: plugin("/unload", "INSTALL_NOT_FOUND"),
  uninstallPlugin: plugin("", "INSTALL_NOT_FOUND"),
  uninstallPluginByPath: pluginAfter("uninstall", "INSTALL_NOT_FOUND"),

  upgradePlugin: plugin("/upgrade", "INSTALL_NOT_FOUND", { version: "1.1.0" }),
  getUpgrade: (resources) => ({ ...plugin("/upgrade", "INSTALL_NOT_FOUND")(resources), ends: "UPGRADE_NOT_FOUND" }),
  promoteUpgrade: running("/upgrade/promote"),
  abortUpgrade: running("/upgrade/abort"),
  rollBackPlugin: running("/rollback"),
  getUpdatePolicy: plugin("/update-policy", "INSTALL_NOT_FOUND"),
  setUpdatePolicy: plugin("/update-policy", "INSTALL_NOT_FOUND", { policy: "patch" }),
  bisectPlugin: (resources) => ({
    ...plugin("/bisect", "INSTALL_NOT_FOUND", { good: "1.0.0", bad: "1.1.0" })(resources),
    ends: "RECORDING_NOT_FOUND",
  }),

  listAuditLog: plain("/audit-logs"),
  verifyAuditLog: plain("/audit-logs/verify"),
  getPermissions: plugin("/permissions", "INSTALL_NOT_FOUND"),
  reportPermissions: plugin("/permissions/report", "INSTALL_NOT_FOUND"),
  getUsage: plugin("/usage", "INSTALL_NOT_FOUND"),
  setPermissions: plugin("/permissions", "INSTALL_NOT_FOUND", { grants: {} }),
  revokePermissions: plugin("/permissions/revoke", "INSTALL_NOT_FOUND", { capabilities: ["kv"] }),
  decideOnConsent: plugin("/permissions/consent", "INSTALL_NOT_FOUND", { version: "2.0.0" }),

  executePlugin: (resources) => ({ ...execution, path: `/${resources.pluginId}/execute` }),
  executePluginByPath: (resources) => ({ ...execution, path: `/execute/${resources.pluginId}` }),
  listExecutions: plugin("/executions", "PLUGIN_NOT_FOUND"),
  replayExecution: ({ executionId }) => ({
    path: `/executions/${executionId}/replay`,
    foreign: "EXECUTION_NOT_FOUND",
    ends: "RECORDING_NOT_FOUND",
  }),
  downloadRecording: ({ executionId }) => ({
    path: `/executions/${executionId}/recording`,
    foreign: "EXECUTION_NOT_FOUND",
    ends: "RECORDING_NOT_FOUND",
  }),
  getRecordedPart: ({ executionId }) => ({
    path: `/executions/${executionId}/recording/parts/${"0".repeat(64)}`,
    foreign: "EXECUTION_NOT_FOUND",
    ends: "RECORDING_NOT_FOUND",
  }),
  profilePlugin: (resources) => ({ ...execution, path: `/${resources.pluginId}/profile` }),
  profileExecution: ({ executionId }) => ({
    path: `/executions/${executionId}/profile`,
    foreign: "EXECUTION_NOT_FOUND",
    ends: "RECORDING_NOT_FOUND",
  }),
  getExecution: ({ executionId }) => ({ path: `/executions/${executionId}`, foreign: "EXECUTION_NOT_FOUND" }),

  getSystemStatus: plain("/migration-proof/status"),
  getPlatformProbes: plain("/migration-proof/health"),
  setSystemMode: plain("/migration-proof/mode", { mode: "normal", reason: "all is well" }),
  getSettings: plain("/settings"),
  updateSettings: plain("/settings", { audit: { intervalMinutes: 10 } }),
  getAuditSettings: plain("/self-debug/config"),
  updateAuditSettings: plain("/self-debug/config", { intervalMinutes: 20 }),
  getMigrationSettings: plain("/migration-proof/config"),
  updateMigrationSettings: plain("/migration-proof/config", { retention: 12 }),
  listSettingsRevisions: plain("/settings/history"),
  listBackups: plain("/migration-proof/backups"),
  getBackup: ({ backupId }) => ({ path: `/migration-proof/backups/${backupId}` }),
  createBackup: plain("/migration-proof/backup", {}),
  verifyBackup: ({ backupId }) => ({ path: `/migration-proof/verify/${backupId}` }),
  restoreBackup: ({ backupId }) => ({
    path: "/migration-proof/restore",
    body: { backup: backupId, scope: { kind: "system" }, confirmation: "1.0" },
    ends: "BACKUP_UNREADABLE",
  }),
  getRestore: ({ restoreId }) => ({ path: `/migration-proof/restores/${restoreId}` }),

  listTenants: plain("/tenants"),
  createTenant: ({ tenantId }) => ({ path: "/tenants", body: { id: `${tenantId}-new`, name: "New" } }),
  getTenant: ({ tenantId }) => ({ path: `/tenants/${tenantId}` }),
  exportTenant: ({ tenantId }) => ({ path: `/tenants/${tenantId}/export` }),
  eraseTenant: ({ tenantId }) => ({
    path: `/tenants/${tenantId}/erasure`,
    body: { confirmation: "1.0" },
    ends: "ERASURE_REFUSED",
  }),
  getErasure: ({ tenantId }) => ({ path: `/tenants/${tenantId}/erasure`, ends: "TENANT_NOT_FOUND" }),
  updateTenant: ({ tenantId }) => ({ path: `/tenants/${tenantId}`, body: { name: "Renamed" } }),
  listMembers: plain("/members"),
  putMember: ({ subject }) => ({ path: `/members/${subject}`, body: { roles: ["viewer"] } }),
  deleteMember: ({ subject }) => ({ path: `/members/${subject}`, foreign: "MEMBER_NOT_FOUND" }),
  listKeys: plain("/keys"),
  createKey: plain("/keys", { name: "new", roles: ["caller"] }),
  revokeKey: ({ keyId }) => ({ path: `/keys/${keyId}`, foreign: "KEY_NOT_FOUND" }),

  getLiveness: plain("/healthz"),
  getSystemHealth: plain("/health"),
  getReadiness: plain("/readyz"),
  getKeySet: plain("/.well-known/jwks.json"),
  getDescription: plain("/openapi.json"),
  getReference: plain("/docs"),
  getReferenceScript: plain("/docs/start.js"),
  getErrorReference: plain("/docs/errors"),
  getPageStyle: plain("/docs/pages.css"),
};

/** @throws {Error} where the operation has no example */
export function exampleOf(route: Route, resources: Resources): Example {
  const example = EXAMPLES[route.operationId];
  if (!example) throw new Error(`${route.operationId} has no example in test/support/workers/examples.ts.`);
  return example(resources);
}

/** The example's paths at every mount of the route. */
export function pathsOf(route: Route, example: Example): string[] {
  return MOUNTS[route.mount].map((mount) => mount + example.path);
}

export function requestFor(example: Example, token?: string): ApiRequest {
  const { body, raw, headers } = example;
  return {
    token,
    ...(body === undefined ? {} : { body }),
    ...(raw === undefined ? {} : { raw }),
    ...(headers === undefined ? {} : { headers }),
  };
}
