/** API permissions and the roles that carry them. Routes name a permission; tokens and keys carry roles. */

export const PERMISSIONS = {
  "plugins:read": "list and read plugins, installs, versions and events",
  "plugins:upload": "upload packages",
  "plugins:operate": "install, activate, deactivate, update and uninstall",
  "plugins:execute": "run plugins",
  "plugins:grant": "grant capabilities to installs, narrow and revoke them",
  "plugins:profile": "run plugins and see where their fuel goes, recorded calls included",
  "executions:read": "read execution records",
  "tenant:admin": "manage the tenant's members and API keys, download recorded calls with all they were given",
  "platform:admin": "manage tenants; only for admins of the platform tenant",
} as const;

export type Permission = keyof typeof PERMISSIONS;

const READ = ["plugins:read", "executions:read"] as const;

export const ROLES = {
  caller: ["plugins:execute"],
  viewer: [...READ],
  developer: [...READ, "plugins:execute", "plugins:profile", "plugins:upload"],
  operator: [...READ, "plugins:execute", "plugins:profile", "plugins:operate"],
  admin: [
    ...READ,
    "plugins:execute",
    "plugins:profile",
    "plugins:upload",
    "plugins:operate",
    "plugins:grant",
    "tenant:admin",
    "platform:admin",
  ],
} as const satisfies Record<string, readonly Permission[]>;

export type Role = keyof typeof ROLES;
export const ROLE_NAMES = Object.keys(ROLES) as Role[]; // Object.keys loses the key type

export function isRole(text: string): text is Role {
  return Object.hasOwn(ROLES, text);
}

/** True where one of the roles carries the permission. */
export function permits(roles: readonly Role[], permission: Permission): boolean {
  return roles.some((role) => (ROLES[role] as readonly Permission[]).includes(permission));
}
