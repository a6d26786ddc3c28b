CREATE TABLE `api_keys` (
	`id` text PRIMARY KEY NOT NULL,
	`tenant_id` text NOT NULL,
	`name` text NOT NULL,
	`secret_hash` text NOT NULL,
	`roles` text NOT NULL,
	`created_at` integer NOT NULL,
	`expires_at` integer,
	`revoked_at` integer,
	FOREIGN KEY (`tenant_id`) REFERENCES `tenants`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `api_keys_by_tenant` ON `api_keys` (`tenant_id`,`created_at`);--> statement-breakpoint
CREATE TABLE `members` (
	`tenant_id` text NOT NULL,
	`subject` text NOT NULL,
	`roles` text NOT NULL,
	`created_at` integer NOT NULL,
	PRIMARY KEY(`tenant_id`, `subject`),
	FOREIGN KEY (`tenant_id`) REFERENCES `tenants`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `plugin_events` (
	`id` text PRIMARY KEY NOT NULL,
	`tenant_id` text NOT NULL,
	`plugin_id` text NOT NULL,
	`type` text NOT NULL,
	`data` text NOT NULL,
	`subject` text NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `plugin_events_by_plugin` ON `plugin_events` (`tenant_id`,`plugin_id`,`id`);--> statement-breakpoint
CREATE TABLE `plugin_executions` (
	`id` text PRIMARY KEY NOT NULL,
	`tenant_id` text NOT NULL,
	`install_id` text NOT NULL,
	`plugin_id` text NOT NULL,
	`version` text NOT NULL,
	`function_name` text NOT NULL,
	`status` text NOT NULL,
	`error_code` text,
	`error_detail` text,
	`duration_ms` integer NOT NULL,
	`fuel` integer NOT NULL,
	`memory_bytes` integer NOT NULL,
	`host_calls` integer NOT NULL,
	`input_bytes` integer NOT NULL,
	`output_bytes` integer NOT NULL,
	`log_lines` integer NOT NULL,
	`trace_id` text NOT NULL,
	`subject` text NOT NULL,
	`started_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `plugin_executions_by_plugin` ON `plugin_executions` (`tenant_id`,`plugin_id`,`id`);--> statement-breakpoint
CREATE INDEX `plugin_executions_by_age` ON `plugin_executions` (`started_at`);--> statement-breakpoint
CREATE TABLE `plugin_instances` (
	`id` text PRIMARY KEY NOT NULL,
	`tenant_id` text NOT NULL,
	`plugin_id` text NOT NULL,
	`owner_tenant_id` text NOT NULL,
	`version_id` text NOT NULL,
	`state` text NOT NULL,
	`config` text NOT NULL,
	`limits` text NOT NULL,
	`installed_by` text NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	FOREIGN KEY (`tenant_id`) REFERENCES `tenants`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`version_id`) REFERENCES `plugin_versions`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `plugin_instances_by_plugin` ON `plugin_instances` (`tenant_id`,`plugin_id`);--> statement-breakpoint
CREATE INDEX `plugin_instances_by_state` ON `plugin_instances` (`tenant_id`,`state`);--> statement-breakpoint
CREATE TABLE `plugin_versions` (
	`id` text PRIMARY KEY NOT NULL,
	`tenant_id` text NOT NULL,
	`plugin_id` text NOT NULL,
	`version` text NOT NULL,
	`manifest` text NOT NULL,
	`package_digest` text NOT NULL,
	`package_bytes` integer NOT NULL,
	`module_digest` text NOT NULL,
	`rewritten_digest` text NOT NULL,
	`rewriter_version` text NOT NULL,
	`module` text NOT NULL,
	`scan` text NOT NULL,
	`state` text NOT NULL,
	`uploaded_by` text NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `plugin_versions_by_version` ON `plugin_versions` (`tenant_id`,`plugin_id`,`version`);--> statement-breakpoint
CREATE INDEX `plugin_versions_by_package` ON `plugin_versions` (`tenant_id`,`package_digest`);--> statement-breakpoint
CREATE TABLE `plugins` (
	`tenant_id` text NOT NULL,
	`id` text NOT NULL,
	`name` text NOT NULL,
	`description` text NOT NULL,
	`type` text NOT NULL,
	`category` text NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	PRIMARY KEY(`tenant_id`, `id`),
	FOREIGN KEY (`tenant_id`) REFERENCES `tenants`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `tenants` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`plan` text NOT NULL,
	`status` text NOT NULL,
	`snapshot_revision` integer DEFAULT 0 NOT NULL,
	`created_at` integer NOT NULL
);
