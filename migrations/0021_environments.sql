CREATE TABLE `environments` (
	`digest` text PRIMARY KEY NOT NULL,
	`fingerprint` text NOT NULL,
	`first_seen_at` integer NOT NULL
);
