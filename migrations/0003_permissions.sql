CREATE TABLE `plugin_consents` (
	`id` text PRIMARY KEY NOT NULL,
	`tenant_id` text NOT NULL,
	`install_id` text NOT NULL,
	`plugin_id` text NOT NULL,
	`from_version` text NOT NULL,
	`version` text NOT NULL,
	`additions` text NOT NULL,
	`requested_by` text NOT NULL,
	`requested_at` integer NOT NULL,
	`decided_by` text,
	`decided_at` integer,
	`decision` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `plugin_consents_pending` ON `plugin_consents` (`tenant_id`,`install_id`) WHERE decided_at IS NULL;--> statement-breakpoint
CREATE INDEX `plugin_consents_by_install` ON `plugin_consents` (`tenant_id`,`install_id`,`id`);--> statement-breakpoint
CREATE TABLE `plugin_permissions` (
	`id` text PRIMARY KEY NOT NULL,
	`tenant_id` text NOT NULL,
	`install_id` text NOT NULL,
	`plugin_id` text NOT NULL,
	`capability` text NOT NULL,
	`version` text NOT NULL,
	`asked` text NOT NULL,
	`granted` text NOT NULL,
	`granted_by` text NOT NULL,
	`granted_at` integer NOT NULL,
	`ended_by` text,
	`ended_at` integer,
	`ending` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `plugin_permissions_in_force` ON `plugin_permissions` (`tenant_id`,`install_id`,`capability`) WHERE ended_at IS NULL;--> statement-breakpoint
CREATE INDEX `plugin_permissions_by_install` ON `plugin_permissions` (`tenant_id`,`install_id`,`id`);