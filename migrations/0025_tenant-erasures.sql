CREATE TABLE `tenant_erasures` (
	`tenant_id` text PRIMARY KEY NOT NULL,
	`status` text NOT NULL,
	`requested_by` text NOT NULL,
	`started_at` integer NOT NULL,
	`finished_at` integer,
	`due_at` integer NOT NULL,
	`failures` integer NOT NULL,
	`progress` text NOT NULL,
	`installs` text NOT NULL,
	`counts` text NOT NULL,
	`remaining` text NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `tenant_erasures_by_due` ON `tenant_erasures` (`status`,`due_at`);