/**
 * What the audit log records: every change that somebody makes, and what a plugin was refused. Names are public and
 * stable: never rename, never reuse.
 */
export interface AuditActionSpec {
  readonly title: string;
  /** Kind of thing that the row's resource id names. */
  readonly resource: AuditResource;
}

export const AUDIT_RESOURCES = [
  "package",
  "install",
  "config-template",
  "key",
  "member",
  "tenant",
  "dead-letter",
  "settings",
  "webhook",
  "audit",
  "finding",
  "advisory",
  "alert",
  "alert-rule",
  "alert-silence",
  "alert-email",
] as const;
export type AuditResource = (typeof AUDIT_RESOURCES)[number];

export const AUDIT_ACTIONS = {
  "package.upload": { title: "uploaded a version", resource: "package" },
  "package.yank": { title: "withdrew a version", resource: "package" },
  "package.unyank": { title: "let a withdrawn version be installed again", resource: "package" },
  "install.create": { title: "installed a plugin", resource: "install" },
  "install.update": { title: "changed version, configuration or limits of an install", resource: "install" },
  "install.activate": { title: "let an install take calls", resource: "install" },
  "install.deactivate": { title: "stopped an install from taking calls", resource: "install" },
  "install.fail": { title: "moved an install to error", resource: "install" },
  "install.recover": { title: "took an install out of error", resource: "install" },
  "install.quarantine": { title: "quarantined an install", resource: "install" },
  "install.release": { title: "released an install from quarantine", resource: "install" },
  "install.uninstall": { title: "removed an install", resource: "install" },
  "breaker.force": { title: "ordered whether an install's calls are refused", resource: "install" },
  "install.restart": { title: "gave an install new isolates", resource: "install" },
  "install.repair": { title: "made what is stored of an install's version what it should be", resource: "install" },
  "install.enter-safe-mode": { title: "took capabilities and half its limits from an install", resource: "install" },
  "install.leave-safe-mode": { title: "gave an install its capabilities and limits back", resource: "install" },
  "install.heal": { title: "tried a remedy on an install that could not be done", resource: "install" },
  "lifecycle.start": { title: "started every plugin that did not run", resource: "tenant" },
  "lifecycle.stop": { title: "stopped every plugin that ran", resource: "tenant" },
  "permissions.set": { title: "granted, narrowed or revoked capabilities", resource: "install" },
  "permissions.revoke": { title: "revoked capabilities", resource: "install" },
  "consent.request": { title: "asked for a version that needs consent", resource: "install" },
  "consent.give": { title: "consented to a version that asks for more", resource: "install" },
  "consent.refuse": { title: "did not consent to a version that asks for more", resource: "install" },
  "config.change": { title: "changed the configuration of an install", resource: "install" },
  "config-template.set": { title: "wrote a configuration template", resource: "config-template" },
  "config-template.delete": { title: "deleted a configuration template", resource: "config-template" },
  "capability.refused": { title: "ran a plugin that used what it is not granted", resource: "install" },
  "key.create": { title: "made an API key", resource: "key" },
  "key.revoke": { title: "revoked an API key", resource: "key" },
  "member.set": { title: "added a member or changed its roles", resource: "member" },
  "member.remove": { title: "removed a member", resource: "member" },
  "dead-letter.redrive": { title: "sent a dead letter again", resource: "dead-letter" },
  "dead-letter.discard": { title: "deleted a dead letter", resource: "dead-letter" },
  "webhook-signing.rotate": { title: "rotated the secret of an install's webhooks", resource: "install" },
  "plugin-webhook.redrive": { title: "sent a plugin's webhook again", resource: "install" },
  "oauth-client.set": { title: "registered an OAuth client of an install", resource: "install" },
  "oauth-client.delete": { title: "deleted an OAuth client of an install", resource: "install" },
  "settings.change": { title: "changed settings of the platform", resource: "settings" },
  "webhook.create": { title: "created a webhook", resource: "webhook" },
  "webhook.update": { title: "changed a webhook", resource: "webhook" },
  "webhook.delete": { title: "deleted a webhook", resource: "webhook" },
  "webhook.redrive": { title: "sent a delivery again that was given up", resource: "webhook" },
  "audit.start": { title: "started an audit", resource: "audit" },
  "finding.acknowledge": { title: "acknowledged a finding", resource: "finding" },
  "finding.reopen": { title: "opened a finding again", resource: "finding" },
  "advisory.record": { title: "recorded an advisory", resource: "advisory" },
  "advisory.withdraw": { title: "withdrew an advisory", resource: "advisory" },
  "alert.acknowledge": { title: "took an alert into care", resource: "alert" },
  "alert-rule.create": { title: "created a rule of alerts", resource: "alert-rule" },
  "alert-rule.update": { title: "changed a rule of alerts", resource: "alert-rule" },
  "alert-rule.delete": { title: "deleted a rule of alerts", resource: "alert-rule" },
  "alert-silence.create": { title: "silenced alerts for a time", resource: "alert-silence" },
  "alert-silence.delete": { title: "ended a silence", resource: "alert-silence" },
  "alert-email.add": { title: "asked an address whether it takes alerts", resource: "alert-email" },
  "alert-email.confirm": { title: "confirmed an address for alerts", resource: "alert-email" },
  "alert-email.delete": { title: "deleted an address for alerts", resource: "alert-email" },
  "tenant.create": { title: "created a tenant", resource: "tenant" },
  "tenant.update": { title: "changed a tenant", resource: "tenant" },
} as const satisfies Record<string, AuditActionSpec>;

export type AuditAction = keyof typeof AUDIT_ACTIONS;
export const AUDIT_ACTION_NAMES = Object.keys(AUDIT_ACTIONS) as AuditAction[]; // Object.keys loses the key type
