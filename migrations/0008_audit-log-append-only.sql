-- Rows of the audit log are never changed.
CREATE TRIGGER `audit_log_append_only` BEFORE UPDATE OF `id`, `tenant_id`, `action`, `resource`, `resource_id`, `subject`, `actor_tenant_id`, `roles`, `before`, `after`, `trace_id`, `at`, `sequence` ON `audit_log`
BEGIN
  SELECT RAISE(ABORT, 'the audit log is append-only');
END;
