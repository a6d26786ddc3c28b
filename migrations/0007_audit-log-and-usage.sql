CREATE TABLE `audit_log` (
	`id` text PRIMARY KEY NOT NULL,
	`tenant_id` text NOT NULL,
	`action` text NOT NULL,
	`resource` text NOT NULL,
	`resource_id` text NOT NULL,
	`subject` text NOT NULL,
	`actor_tenant_id` text NOT NULL,
	`roles` text NOT NULL,
	`before` text,
	`after` text,
	`trace_id` text,
	`at` integer NOT NULL,
	`sequence` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `audit_log_by_sequence` ON `audit_log` (`tenant_id`,`sequence`);--> statement-breakpoint
CREATE INDEX `audit_log_by_resource` ON `audit_log` (`tenant_id`,`resource`,`resource_id`,`sequence`);--> statement-breakpoint
CREATE TABLE `plugin_capability_usage` (
	`tenant_id` text NOT NULL,
	`install_id` text NOT NULL,
	`plugin_id` text NOT NULL,
	`capability` text NOT NULL,
	`scope` text NOT NULL,
	`day` integer NOT NULL,
	`executions` integer NOT NULL,
	`calls` integer NOT NULL,
	`refused` integer NOT NULL,
	`bytes` integer NOT NULL,
	`peak_calls` integer NOT NULL,
	`peak_bytes` integer NOT NULL,
	`last_used_at` integer NOT NULL,
	PRIMARY KEY(`tenant_id`, `install_id`, `capability`, `scope`, `day`)
);
--> statement-breakpoint
CREATE INDEX `plugin_capability_usage_by_day` ON `plugin_capability_usage` (`day`);