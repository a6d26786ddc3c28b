-- The tenant that owns the built-in plugins and whose admins administer tenants. Revision 1: its snapshot is due.
INSERT INTO `tenants` (`id`, `name`, `plan`, `status`, `snapshot_revision`, `created_at`)
VALUES ('patchbay', 'Patchbay', 'pro', 'active', 1, unixepoch() * 1000);
