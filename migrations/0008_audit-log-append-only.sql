-- Rows of the audit log are never changed.
-- declared trigger: no release changes rows of the audit log, so that the trigger stops nothing that runs
CREATE TRIGGER `audit_log_append_only` BEFORE UPDATE OF `id`, `tenant_id`, `action`, `resource`, `resource_id`, `subject`, `actor_tenant_id`, `roles`, `before`, `after`, `trace_id`, `at`, `sequence` ON `audit_log`
BEGIN
  SELECT RAISE(ABORT, 'the audit log is append-only');
END;
