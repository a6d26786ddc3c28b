CREATE TABLE `plugin_backups` (
	`id` text PRIMARY KEY NOT NULL,
	`scope` text NOT NULL,
	`tenant_id` text,
	`install_id` text,
	`trigger` text NOT NULL,
	`status` text NOT NULL,
	`reason` text,
	`requested_by` text NOT NULL,
	`started_at` integer NOT NULL,
	`finished_at` integer,
	`read_from` integer,
	`read_to` integer,
	`verified_at` integer,
	`schema_version` text,
	`key_id` text,
	`manifest_digest` text,
	`counts` text NOT NULL,
	`bytes` integer DEFAULT 0 NOT NULL,
	`progress` text,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `plugin_backups_by_scope` ON `plugin_backups` (`scope`,`tenant_id`,`install_id`,`id`);--> statement-breakpoint
CREATE INDEX `plugin_backups_by_status` ON `plugin_backups` (`status`,`updated_at`);--> statement-breakpoint
CREATE TABLE `plugin_restores` (
	`id` text PRIMARY KEY NOT NULL,
	`backup_id` text NOT NULL,
	`scope` text NOT NULL,
	`tenant_id` text,
	`install_id` text,
	`status` text NOT NULL,
	`reason` text,
	`requested_by` text NOT NULL,
	`safety_backup_id` text NOT NULL,
	`started_at` integer NOT NULL,
	`finished_at` integer,
	`counts` text NOT NULL,
	`progress` text,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `plugin_restores_by_status` ON `plugin_restores` (`status`,`updated_at`);