CREATE TABLE `audit_chains` (
	`tenant_id` text PRIMARY KEY NOT NULL,
	`head_sequence` integer DEFAULT 0 NOT NULL,
	`verified_sequence` integer DEFAULT 0 NOT NULL,
	`checked_at` integer DEFAULT 0 NOT NULL,
	`broken_sequence` integer,
	`broken_fault` text
);
--> statement-breakpoint
CREATE INDEX `audit_chains_by_check` ON `audit_chains` (`checked_at`);--> statement-breakpoint
CREATE TABLE `audit_seals` (
	`tenant_id` text NOT NULL,
	`sequence` integer NOT NULL,
	`row_id` text NOT NULL,
	`hash` text NOT NULL,
	`sealed_at` integer NOT NULL,
	PRIMARY KEY(`tenant_id`, `sequence`)
);
--> statement-breakpoint
-- Seals are never changed.
CREATE TRIGGER `audit_seals_append_only` BEFORE UPDATE ON `audit_seals`
BEGIN
  SELECT RAISE(ABORT, 'seals of the audit log are append-only');
END;
