CREATE TABLE `config_templates` (
	`tenant_id` text NOT NULL,
	`plugin_id` text NOT NULL,
	`name` text NOT NULL,
	`description` text NOT NULL,
	`values` text NOT NULL,
	`author` text NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	PRIMARY KEY(`tenant_id`, `plugin_id`, `name`)
);
--> statement-breakpoint
CREATE TABLE `platform_settings` (
	`revision` integer PRIMARY KEY NOT NULL,
	`settings` text NOT NULL,
	`changed` text NOT NULL,
	`author` text NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `plugin_configurations` (
	`install_id` text NOT NULL,
	`revision` integer NOT NULL,
	`tenant_id` text NOT NULL,
	`plugin_id` text NOT NULL,
	`version` text NOT NULL,
	`values` text NOT NULL,
	`secrets` text NOT NULL,
	`effective` text NOT NULL,
	`environment` text NOT NULL,
	`change` text NOT NULL,
	`changed` text NOT NULL,
	`author` text NOT NULL,
	`created_at` integer NOT NULL,
	PRIMARY KEY(`install_id`, `revision`)
);
--> statement-breakpoint
CREATE INDEX `plugin_configurations_by_plugin` ON `plugin_configurations` (`tenant_id`,`plugin_id`);--> statement-breakpoint
ALTER TABLE `plugin_instances` ADD `config_revision` integer DEFAULT 0 NOT NULL;