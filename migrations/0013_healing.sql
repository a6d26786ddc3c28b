CREATE TABLE `healing_events` (
	`id` text PRIMARY KEY NOT NULL,
	`tenant_id` text NOT NULL,
	`install_id` text NOT NULL,
	`plugin_id` text NOT NULL,
	`cause` text NOT NULL,
	`code` text,
	`remedy` text NOT NULL,
	`reason` text NOT NULL,
	`before` text NOT NULL,
	`after` text,
	`verification` text,
	`outcome` text NOT NULL,
	`subject` text NOT NULL,
	`started_at` integer NOT NULL,
	`ended_at` integer
);
--> statement-breakpoint
CREATE UNIQUE INDEX `healing_events_running` ON `healing_events` (`tenant_id`,`install_id`) WHERE outcome = 'running';--> statement-breakpoint
CREATE INDEX `healing_events_by_tenant` ON `healing_events` (`tenant_id`,`id`);--> statement-breakpoint
CREATE INDEX `healing_events_by_install` ON `healing_events` (`tenant_id`,`install_id`,`id`);--> statement-breakpoint
CREATE INDEX `healing_events_by_age` ON `healing_events` (`started_at`);--> statement-breakpoint
ALTER TABLE `plugin_instances` ADD `safe_mode` text;--> statement-breakpoint
ALTER TABLE `plugin_instances` ADD `generation` integer DEFAULT 0 NOT NULL;