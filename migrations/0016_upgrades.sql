CREATE TABLE `plugin_kept_versions` (
	`tenant_id` text NOT NULL,
	`install_id` text NOT NULL,
	`version_id` text NOT NULL,
	`version` text NOT NULL,
	`grants` text NOT NULL,
	`carried` text NOT NULL,
	`left_at` integer NOT NULL,
	PRIMARY KEY(`tenant_id`, `install_id`, `version_id`)
);
--> statement-breakpoint
CREATE TABLE `plugin_upgrades` (
	`id` text PRIMARY KEY NOT NULL,
	`tenant_id` text NOT NULL,
	`install_id` text NOT NULL,
	`plugin_id` text NOT NULL,
	`from_version` text NOT NULL,
	`version` text NOT NULL,
	`version_id` text NOT NULL,
	`state` text NOT NULL,
	`reason` text,
	`forced` integer NOT NULL,
	`gate` text NOT NULL,
	`steps` text NOT NULL,
	`step` integer NOT NULL,
	`step_started_at` integer NOT NULL,
	`assign_by` text NOT NULL,
	`salt` text NOT NULL,
	`candidate_calls` integer DEFAULT 0 NOT NULL,
	`candidate_faults` integer DEFAULT 0 NOT NULL,
	`incumbent_calls` integer DEFAULT 0 NOT NULL,
	`incumbent_faults` integer DEFAULT 0 NOT NULL,
	`effective` text,
	`secrets` text,
	`started_by` text NOT NULL,
	`started_at` integer NOT NULL,
	`ended_at` integer
);
--> statement-breakpoint
CREATE UNIQUE INDEX `plugin_upgrades_running` ON `plugin_upgrades` (`tenant_id`,`install_id`) WHERE state = 'canary';--> statement-breakpoint
CREATE INDEX `plugin_upgrades_by_install` ON `plugin_upgrades` (`tenant_id`,`install_id`,`id`);--> statement-breakpoint
CREATE INDEX `plugin_upgrades_by_state` ON `plugin_upgrades` (`state`,`step_started_at`);--> statement-breakpoint
CREATE TABLE `plugin_update_policies` (
	`tenant_id` text NOT NULL,
	`install_id` text NOT NULL,
	`plugin_id` text NOT NULL,
	`policy` text NOT NULL,
	`channel` text NOT NULL,
	`pinned` integer NOT NULL,
	`updated_by` text NOT NULL,
	`updated_at` integer NOT NULL,
	`checked_at` integer NOT NULL,
	PRIMARY KEY(`tenant_id`, `install_id`)
);
--> statement-breakpoint
CREATE INDEX `plugin_update_policies_by_check` ON `plugin_update_policies` (`policy`,`checked_at`);--> statement-breakpoint
ALTER TABLE `plugin_executions` ADD `recorded` text;--> statement-breakpoint
CREATE INDEX `plugin_executions_recorded` ON `plugin_executions` (`tenant_id`,`install_id`,`version`,`recorded`,`id`) WHERE recorded IS NOT NULL;