CREATE TABLE `dead_letters` (
	`id` text PRIMARY KEY NOT NULL,
	`tenant_id` text NOT NULL,
	`delivery` text NOT NULL,
	`message_id` text NOT NULL,
	`topic` text NOT NULL,
	`install_id` text NOT NULL,
	`plugin_id` text NOT NULL,
	`function_name` text NOT NULL,
	`error_code` text NOT NULL,
	`error_detail` text NOT NULL,
	`attempts` integer NOT NULL,
	`published_at` integer NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `dead_letters_by_delivery` ON `dead_letters` (`tenant_id`,`message_id`,`install_id`,`function_name`);--> statement-breakpoint
CREATE INDEX `dead_letters_by_tenant` ON `dead_letters` (`tenant_id`,`id`);--> statement-breakpoint
CREATE INDEX `dead_letters_by_age` ON `dead_letters` (`created_at`);--> statement-breakpoint
CREATE TABLE `topic_counts` (
	`tenant_id` text NOT NULL,
	`topic` text NOT NULL,
	`published` integer NOT NULL,
	`delivered` integer NOT NULL,
	`failed` integer NOT NULL,
	`dead_lettered` integer NOT NULL,
	`last_published_at` integer NOT NULL,
	PRIMARY KEY(`tenant_id`, `topic`)
);
