CREATE TABLE `plugin_capability_details` (
	`tenant_id` text NOT NULL,
	`install_id` text NOT NULL,
	`capability` text NOT NULL,
	`kind` text NOT NULL,
	`name` text NOT NULL,
	`day` integer NOT NULL,
	`value` integer NOT NULL,
	PRIMARY KEY(`tenant_id`, `install_id`, `capability`, `kind`, `name`, `day`)
);
--> statement-breakpoint
CREATE INDEX `plugin_capability_details_by_day` ON `plugin_capability_details` (`day`);--> statement-breakpoint
CREATE TABLE `install_removals` (
	`install_id` text PRIMARY KEY NOT NULL,
	`tenant_id` text NOT NULL,
	`plugin_id` text NOT NULL,
	`removed_at` integer NOT NULL,
	`due_at` integer NOT NULL,
	`failures` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `install_removals_by_due` ON `install_removals` (`due_at`);--> statement-breakpoint
ALTER TABLE `plugin_instances` ADD `hooks` text DEFAULT '{}' NOT NULL;--> statement-breakpoint
ALTER TABLE `plugin_instances` ADD `fallback` text;--> statement-breakpoint
INSERT INTO `install_removals` SELECT `id`, `tenant_id`, `plugin_id`, `updated_at`, 0, 0 FROM `plugin_instances` WHERE `state` = 'uninstalled';
