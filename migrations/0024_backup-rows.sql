CREATE TABLE `backup_rows` (
	`run_id` text NOT NULL,
	`tenant_id` text NOT NULL,
	`piece` integer NOT NULL,
	`table_name` text NOT NULL,
	`columns` text NOT NULL,
	`rows` text NOT NULL,
	PRIMARY KEY(`run_id`, `piece`)
);
