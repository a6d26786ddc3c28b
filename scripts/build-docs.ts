import { writeFile } from "node:fs/promises";
import path from "node:path";
import { format } from "prettier";
import { ERRORS } from "../sdk/contract/errors.ts";
import { LIMITS, PACKAGE_LIMITS } from "../sdk/contract/limits.ts";
import { PERMISSIONS, permits, ROLE_NAMES, type Permission } from "../sdk/contract/roles.ts";

/** Pages of docs/ that are tables of the contract. A test compares them with what is committed. */

const MADE = "Made from the contract by `node scripts/build-docs.ts`; edit the table, not this page.";

export const PAGES: Readonly<Record<string, () => string>> = {
  "docs/errors.md": errorsPage,
  "docs/limits.md": limitsPage,
  "docs/roles.md": rolesPage,
};

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

function errorsPage(): string {
  const rows = Object.entries(ERRORS).map(([code, spec]) => [
    `<a id="${code}"></a>\`${code}\``,
    String(spec.status),
    spec.title,
    spec.blame,
    spec.retryable ? "yes" : "no",
    spec.trips ? "yes" : "no",
  ]);
  return `# Errors\n\nEvery failure is a problem document (RFC 9457) whose \`code\` is one of these. ${MADE}\n\n${table(
    ["code", "status", "meaning", "who has to act", "may a retry help", "counts against the plugin"],
    rows,
  )}\n`;
}

function limitsPage(): string {
  const rows = Object.entries(LIMITS).map(([name, spec]) => [
    `\`${name}\``,
    spec.title,
    amount(spec.default, spec.unit),
    amount(spec.maximum, spec.unit),
    name === "logs" ? "cut, and said so" : `\`${spec.code}\``,
  ]);
  const packageRows = Object.entries(PACKAGE_LIMITS).map(([name, value]) => [
    `\`${name}\``,
    name.endsWith("Bytes") ? amount(value, "bytes") : String(value),
  ]);
  return `# Limits\n\n${MADE}\n\nA manifest may ask for any value up to the maximum; the tenant's plan and the operator who installs may allow less; a caller may lower fuel and time for one call. \`0\` means zero, never "unlimited".\n\n## Of a call\n\n${table(
    ["limit", "of", "default", "maximum", "error"],
    rows,
  )}\n\n## Of a package\n\n${table(["limit", "value"], packageRows)}\n`;
}

function rolesPage(): string {
  const rows = (Object.keys(PERMISSIONS) as Permission[]).map((permission) => [
    `\`${permission}\``,
    PERMISSIONS[permission],
    ...ROLE_NAMES.map((role) => (permits([role], permission) ? "yes" : "")),
  ]);
  return `# Roles and permissions\n\n${MADE}\n\n${table(["permission", "allows to", ...ROLE_NAMES], rows)}\n`;
}

function amount(value: number, unit: string): string {
  if (unit === "bytes") return value % 1_048_576 === 0 ? `${value / 1_048_576} MiB` : `${value / 1024} KiB`;
  if (unit === "fuel") return `${value / 1e9} G units`;
  return `${value} ${unit}`;
}

export async function renderPage(name: string): Promise<string> {
  const page = PAGES[name];
  if (!page) throw new Error(`no such page: ${name}`);
  return format(page(), { parser: "markdown", printWidth: 120 });
}

if (import.meta.main) {
  const root = path.resolve(import.meta.dirname, "..");
  for (const name of Object.keys(PAGES)) await writeFile(path.join(root, name), await renderPage(name));
}
