CREATE TABLE `plugin_health_checks` (
	`id` text PRIMARY KEY NOT NULL,
	`tenant_id` text NOT NULL,
	`install_id` text NOT NULL,
	`plugin_id` text NOT NULL,
	`version` text NOT NULL,
	`status` text NOT NULL,
	`score` integer,
	`breaker` text NOT NULL,
	`calls` integer NOT NULL,
	`error_rate` real,
	`p95_ms` real,
	`uptime` real NOT NULL,
	`self_check` text NOT NULL,
	`self_check_code` text,
	`checked_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `plugin_health_checks_by_install` ON `plugin_health_checks` (`tenant_id`,`install_id`,`checked_at`);--> statement-breakpoint
CREATE INDEX `plugin_health_checks_by_age` ON `plugin_health_checks` (`checked_at`);