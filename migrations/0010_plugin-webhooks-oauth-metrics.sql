CREATE TABLE `install_secrets` (
	`tenant_id` text NOT NULL,
	`install_id` text NOT NULL,
	`kind` text NOT NULL,
	`name` text NOT NULL,
	`sealed` text NOT NULL,
	`detail` text NOT NULL,
	`revision` integer NOT NULL,
	`updated_by` text NOT NULL,
	`updated_at` integer NOT NULL,
	PRIMARY KEY(`tenant_id`, `install_id`, `kind`, `name`)
);
--> statement-breakpoint
CREATE TABLE `plugin_metric_series` (
	`tenant_id` text NOT NULL,
	`plugin_id` text NOT NULL,
	`name` text NOT NULL,
	`kind` text NOT NULL,
	`labels` text NOT NULL,
	`last_at` integer NOT NULL,
	PRIMARY KEY(`tenant_id`, `plugin_id`, `name`, `kind`, `labels`)
);
--> statement-breakpoint
CREATE INDEX `plugin_metric_series_by_age` ON `plugin_metric_series` (`last_at`);--> statement-breakpoint
CREATE TABLE `plugin_metrics` (
	`tenant_id` text NOT NULL,
	`plugin_id` text NOT NULL,
	`name` text NOT NULL,
	`kind` text NOT NULL,
	`labels` text NOT NULL,
	`period` integer NOT NULL,
	`at` integer NOT NULL,
	`bucket` integer NOT NULL,
	`count` integer NOT NULL,
	`sum` real NOT NULL,
	`least` real NOT NULL,
	`most` real NOT NULL,
	`last` real NOT NULL,
	`last_at` integer NOT NULL,
	PRIMARY KEY(`tenant_id`, `plugin_id`, `period`, `at`, `name`, `kind`, `labels`, `bucket`)
);
--> statement-breakpoint
CREATE INDEX `plugin_metrics_by_age` ON `plugin_metrics` (`period`,`at`);--> statement-breakpoint
ALTER TABLE `webhook_deliveries` ADD `outgoing` text;--> statement-breakpoint
CREATE INDEX `webhook_deliveries_by_state` ON `webhook_deliveries` (`webhook_id`,`state`);