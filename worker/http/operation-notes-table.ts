/**
 * What an operation's description says beyond its summary, by `operationId`. Apart from the routes, because the deployed worker has no
 * use for it; a route whose words are computed has them itself.
 */
export const OPERATION_NOTES: Readonly<Record<string, string>> = {
  acknowledgeFinding:
    "It stays known and is not told of again, until an audit finds it fixed or somebody opens it again.",
  addAlertEmail: "It is mailed a link, good for 24 hours. Adding an address that waits mails it a new one.",
  auditAllPlugins:
    "Answers at once; the work is done in parts. One that is under way is answered, and not started twice.",
  bisectPlugin: "Replays recorded calls of the good version against versions between it and the bad one, by halving.",
  createWebhook:
    "Each event from now on is sent as a signed POST, at least once; one that is not taken is tried 8 times over 3 hours.",
  decideOnConsent:
    "Moves the install to the version that waits, with its grants. Without `grants`, what was granted goes on and what the version asks for beyond the installed one is granted too. The last recorded calls are replayed against the version first; `gate: skipped` does without.",
  downloadRecording:
    "The call's input, configuration, limits, clock and randomness, what capabilities answered, and how it ended, so that it can be run again elsewhere. It holds what the plugin was given in confidence, secrets of its configuration among it; who downloaded it is in the audit log.",
  eraseTenant:
    "Without `confirmation` only the plan, and a confirmation for 10 minutes. With it the erasure of a suspended tenant begins; it cannot be stopped.",
  exportTenant:
    "Every row of every table that is the tenant's, what its installs keep, and its objects in the store. Secrets stay sealed or hashed. The last line has the number and the SHA-256 of those before it; without it the export is not whole.",
  fireHook:
    "They run in order of class, priority and plugin id, within one budget. A function that fails is replaced by its fallback or left out; only the failure of a critical one ends the hook. A hook that no plugin attaches to gives the payload back.",
  forceBreaker:
    "`open` refuses every call and lets no probe through, `closed` lets every call through however many fail, for all versions and until `automatic` takes the order back. Every worker keeps to it within two seconds.",
  getKeySet: "Keys of the issuers whose key sets this deployment holds itself (RFC 7517 §5).",
  getPlugin: "Only an installed one, with less of it and marked `stale`, while the database is away.",
  getPluginMetrics: "By minute for 2 days, by hour for 90. Quantiles of histograms are within a tenth of the value.",
  getReadiness:
    "Ready: database reachable and migrated, store, Durable Objects, Worker Loader and queues reachable, every install of READY_INSTALLS active.",
  getSystemHealth:
    "Database, object store, Durable Objects, Worker Loader and queues, looked at every two seconds at most. `degraded`: something is amiss, and plugins run. Where no plugin can run the answer is a problem that holds the probes.",
  installPlugin:
    "Installs one of the tenant's own plugins or a built-in, and activates it. Installing what is installed already in the same version changes nothing; use PUT to change version, configuration, limits, reuse or persistVariables.",
  listAlertEmailDeliveries: "Kept for 30 days.",
  listAlerts: "Those that are resolved are kept for 90 days.",
  listAnomalies: "Kept for 90 days.",
  listAuditLog: "Rows are numbered per tenant from 1 without gaps, and are never changed or deleted.",
  listAudits: "Kept for 30 days.",
  listDeadLetters: "Kept for 30 days. What the messages say is in each by itself.",
  listEvents:
    "Events are numbered per tenant from 1 without gaps. To catch up, ask for `order=oldest` and `after` the last number seen.",
  listFindings: "A problem is one finding however often it is found. Fixed ones are kept for 90 days.",
  listPluginHealth: "What the last check of each found; they are checked every five minutes.",
  listPluginWebhookDeliveries: "Kept for 30 days.",
  listPlugins: "Only installed ones, marked `stale`, while the database is away.",
  listWebhookDeliveries: "Kept for 30 days.",
  publishMessage:
    "Answered once the queue holds the message for every subscriber. Each gets it at least once, in no promised order; one that fails is tried again, and after 5 attempts the message becomes a dead letter.",
  putConfigTemplate:
    "A template is copied when it is used (`template` of PUT /{id}/config and of an install), so what was configured with it stays as it is. It holds no secrets, and need not be complete.",
  putOAuthClient: "The plugin gets access tokens of it, never its secret nor a refresh token.",
  receivePluginWebhook:
    "Signed as `webhooks.incoming` of the plugin's manifest says, with a secret of its configuration; verified before anything runs. The same delivery sent again gets the first answer for 24 hours, marked `idempotency-replayed: true`.",
  recordAdvisory:
    "Every install of such a version, or of a plugin that depends on one, gets a finding at its next audit.",
  releasePlugin: "It is inactive then; `POST /:id/activate` lets it take calls again.",
  replayExecution:
    "Failed calls and a sample of good ones are recorded. A replay runs the same module with the same input, configuration, limits, clock and randomness; it appears in no history and counts against no quota.",
  restoreBackup:
    "Without `confirmation` nothing is changed: the answer is what would change, and a confirmation that holds for 10 minutes and for this plan only. Sent again with it, the restore begins, after a backup of what there is.",
  revokeKey: "The key stops working within 30 seconds everywhere, at once where the snapshot is read anew.",
  revokePermissions:
    "What is not granted is left as it is. Takes effect at once where the answer comes from, within 30 seconds everywhere.",
  rollBackPlugin:
    "While an upgrade runs and no version is named, it is stopped, and the installed version has all calls again.",
  rotatePluginWebhookSecret: "The one before signs too for 24 hours, so that receivers can change over.",
  setPermissions:
    "Makes exactly these grants be in force; a capability that is left out is revoked. A grant may narrow what the manifest asks for. With `If-Match`, only where the permissions are still those of the tag. Takes effect at once where the answer comes from, within 30 seconds everywhere.",
  setSystemMode:
    "A mode that was chosen so is left only by another choice. `normal` ends an emergency although its cause may still be there. See docs/operations-modes.md.",
  showAlertEmailLink: "Confirms nothing by itself, since mail programs open links.",
  streamEvents:
    "Each event once, in order, from the one after `after`. Acknowledge what you handled with `ack <sequence>`. Browsers, which cannot send headers here, bring a ticket. See docs/events.md.",
  updatePlugin:
    "With a `version` the last recorded calls are replayed in it first. One that comes out otherwise refuses the whole change; where too little was recorded to compare, it goes on. `gate: skipped` does without.",
  updateSettings: "What is left out stays. Jobs see the change at the start of their next run.",
  upgradePlugin:
    "Replays the last recorded calls of the installed version against the other one. If they come out alike, it takes a growing share of the calls, and all of them after the last step; it is taken back by itself where it fails more often.",
  uploadPackage:
    "Takes a package of up to 50 MiB, checks archive, manifest and module, scans and meters it, and stores it as a version of its plugin. The same package again gives the same version; another package under the same version is a conflict. Nothing is kept of what is refused.",
  yankVersion: "What is installed runs on, and audits tell of it; nothing new installs the version.",
};
