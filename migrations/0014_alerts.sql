CREATE TABLE `alert_emails` (
	`id` text PRIMARY KEY NOT NULL,
	`tenant_id` text NOT NULL,
	`address` text NOT NULL,
	`link_hash` text,
	`link_expires_at` integer,
	`confirmed_at` integer,
	`created_by` text NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `alert_emails_by_address` ON `alert_emails` (`tenant_id`,`address`);--> statement-breakpoint
CREATE TABLE `alert_rules` (
	`tenant_id` text NOT NULL,
	`id` text NOT NULL,
	`name` text NOT NULL,
	`condition` text NOT NULL,
	`plugin_id` text,
	`per` text NOT NULL,
	`severity` text NOT NULL,
	`channels` text NOT NULL,
	`for_minutes` integer NOT NULL,
	`hold_minutes` integer NOT NULL,
	`repeat_minutes` integer NOT NULL,
	`enabled` integer NOT NULL,
	`created_by` text NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	PRIMARY KEY(`tenant_id`, `id`)
);
--> statement-breakpoint
CREATE TABLE `alert_silences` (
	`id` text PRIMARY KEY NOT NULL,
	`tenant_id` text NOT NULL,
	`rule_id` text,
	`plugin_id` text,
	`severity` text,
	`from_time` integer NOT NULL,
	`until_time` integer NOT NULL,
	`reason` text NOT NULL,
	`created_by` text NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `alert_silences_by_end` ON `alert_silences` (`tenant_id`,`until_time`);--> statement-breakpoint
CREATE TABLE `alerts` (
	`id` text PRIMARY KEY NOT NULL,
	`tenant_id` text NOT NULL,
	`rule_id` text NOT NULL,
	`rule_name` text NOT NULL,
	`scope` text NOT NULL,
	`severity` text NOT NULL,
	`state` text NOT NULL,
	`evidence` text NOT NULL,
	`started_at` integer NOT NULL,
	`fired_at` integer,
	`cleared_at` integer,
	`resolved_at` integer,
	`notifications` integer NOT NULL,
	`last_notified_at` integer,
	`silence_id` text,
	`acknowledged_by` text,
	`acknowledged_at` integer,
	`note` text,
	`revision` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `alerts_open` ON `alerts` (`tenant_id`,`rule_id`,`scope`) WHERE state <> 'resolved';--> statement-breakpoint
CREATE INDEX `alerts_by_tenant` ON `alerts` (`tenant_id`,`id`);--> statement-breakpoint
CREATE INDEX `alerts_by_state` ON `alerts` (`state`,`resolved_at`);--> statement-breakpoint
ALTER TABLE `webhook_deliveries` ADD `channel` text DEFAULT 'webhook' NOT NULL;--> statement-breakpoint
CREATE INDEX `plugin_events_by_type` ON `plugin_events` (`tenant_id`,`type`,`created_at`);