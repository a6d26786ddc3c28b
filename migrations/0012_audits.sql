CREATE TABLE `anomaly_series` (
	`tenant_id` text NOT NULL,
	`install_id` text NOT NULL,
	`plugin_id` text NOT NULL,
	`minute` integer NOT NULL,
	`watches_silence` integer NOT NULL,
	`states` text NOT NULL,
	PRIMARY KEY(`tenant_id`, `install_id`)
);
--> statement-breakpoint
CREATE INDEX `anomaly_series_by_silence` ON `anomaly_series` (`watches_silence`,`minute`);--> statement-breakpoint
CREATE TABLE `audit_findings` (
	`id` text PRIMARY KEY NOT NULL,
	`tenant_id` text NOT NULL,
	`install_id` text NOT NULL,
	`plugin_id` text NOT NULL,
	`rule` text NOT NULL,
	`dedup_key` text NOT NULL,
	`severity` text NOT NULL,
	`evidence` text NOT NULL,
	`remedy` text NOT NULL,
	`remedy_text` text NOT NULL,
	`state` text NOT NULL,
	`state_by` text,
	`state_reason` text,
	`first_seen_at` integer NOT NULL,
	`last_seen_at` integer NOT NULL,
	`state_since` integer NOT NULL,
	`count` integer NOT NULL,
	`audit_id` text NOT NULL,
	`recording_id` text,
	`history` text NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `audit_findings_by_key` ON `audit_findings` (`tenant_id`,`install_id`,`rule`,`dedup_key`);--> statement-breakpoint
CREATE INDEX `audit_findings_by_state` ON `audit_findings` (`tenant_id`,`state`,`id`);--> statement-breakpoint
CREATE INDEX `audit_findings_by_age` ON `audit_findings` (`state`,`state_since`);--> statement-breakpoint
CREATE TABLE `plugin_advisories` (
	`id` text PRIMARY KEY NOT NULL,
	`plugin_id` text NOT NULL,
	`range` text NOT NULL,
	`severity` text NOT NULL,
	`text` text NOT NULL,
	`recorded_by` text NOT NULL,
	`created_at` integer NOT NULL,
	`withdrawn_at` integer
);
--> statement-breakpoint
CREATE INDEX `plugin_advisories_by_plugin` ON `plugin_advisories` (`plugin_id`);--> statement-breakpoint
CREATE TABLE `plugin_anomalies` (
	`id` text PRIMARY KEY NOT NULL,
	`tenant_id` text NOT NULL,
	`install_id` text NOT NULL,
	`plugin_id` text NOT NULL,
	`metric` text NOT NULL,
	`direction` text NOT NULL,
	`expected` real NOT NULL,
	`observed` real NOT NULL,
	`score` real NOT NULL,
	`started_at` integer NOT NULL,
	`ended_at` integer
);
--> statement-breakpoint
CREATE INDEX `plugin_anomalies_by_plugin` ON `plugin_anomalies` (`tenant_id`,`plugin_id`,`id`);--> statement-breakpoint
CREATE INDEX `plugin_anomalies_by_age` ON `plugin_anomalies` (`started_at`);--> statement-breakpoint
CREATE TABLE `plugin_audit_chunks` (
	`audit_id` text NOT NULL,
	`number` integer NOT NULL,
	`tenant_id` text NOT NULL,
	`installs` text NOT NULL,
	`with_tenant` integer NOT NULL,
	`rung_at` integer NOT NULL,
	`done_at` integer,
	PRIMARY KEY(`audit_id`, `number`)
);
--> statement-breakpoint
CREATE INDEX `plugin_audit_chunks_undone` ON `plugin_audit_chunks` (`rung_at`) WHERE done_at IS NULL;--> statement-breakpoint
CREATE TABLE `plugin_audits` (
	`id` text PRIMARY KEY NOT NULL,
	`tenant_id` text NOT NULL,
	`trigger` text NOT NULL,
	`scope` text NOT NULL,
	`plugin_id` text NOT NULL,
	`requested_by` text NOT NULL,
	`total` integer NOT NULL,
	`done` integer NOT NULL,
	`failed` integer NOT NULL,
	`critical` integer NOT NULL,
	`high` integer NOT NULL,
	`medium` integer NOT NULL,
	`low` integer NOT NULL,
	`info` integer NOT NULL,
	`started_at` integer NOT NULL,
	`finished_at` integer
);
--> statement-breakpoint
CREATE INDEX `plugin_audits_by_tenant` ON `plugin_audits` (`tenant_id`,`id`);--> statement-breakpoint
CREATE INDEX `plugin_audits_by_start` ON `plugin_audits` (`tenant_id`,`trigger`,`started_at`);--> statement-breakpoint
CREATE INDEX `plugin_audits_by_age` ON `plugin_audits` (`started_at`);--> statement-breakpoint
CREATE TABLE `plugin_call_minutes` (
	`tenant_id` text NOT NULL,
	`install_id` text NOT NULL,
	`plugin_id` text NOT NULL,
	`minute` integer NOT NULL,
	`calls` integer NOT NULL,
	`failed` integer NOT NULL,
	`log_duration` real NOT NULL,
	`log_duration_squares` real NOT NULL,
	`log_fuel` real NOT NULL,
	`log_fuel_squares` real NOT NULL,
	PRIMARY KEY(`tenant_id`, `install_id`, `minute`)
);
--> statement-breakpoint
CREATE INDEX `plugin_call_minutes_by_age` ON `plugin_call_minutes` (`minute`);--> statement-breakpoint
ALTER TABLE `plugin_versions` ADD `yanked_at` integer;--> statement-breakpoint
ALTER TABLE `plugin_versions` ADD `yank_reason` text;--> statement-breakpoint
CREATE INDEX `plugin_events_of_breakers` ON `plugin_events` (`tenant_id`,`created_at`) WHERE type = 'breaker.opened';