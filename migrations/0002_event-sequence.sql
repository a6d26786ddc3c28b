DROP INDEX `plugin_events_by_plugin`;--> statement-breakpoint
ALTER TABLE `plugin_events` ADD `sequence` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
-- Events recorded before they had numbers get them in the order of their ids.
UPDATE `plugin_events` SET `sequence` = numbered.number FROM (SELECT `id`, row_number() OVER (PARTITION BY `tenant_id` ORDER BY `id`) AS number FROM `plugin_events`) AS numbered WHERE numbered.id = `plugin_events`.`id`;--> statement-breakpoint
-- declared unique-index: each row got its own number in the statement before, and no release ran without numbers
CREATE UNIQUE INDEX `plugin_events_by_sequence` ON `plugin_events` (`tenant_id`,`sequence`);--> statement-breakpoint
CREATE INDEX `plugin_events_by_plugin_sequence` ON `plugin_events` (`tenant_id`,`plugin_id`,`sequence`);--> statement-breakpoint
CREATE INDEX `plugin_events_by_age` ON `plugin_events` (`created_at`);