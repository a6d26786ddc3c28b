/** Names under which the parts of a definition are exported. The manifest is written with the same ones. */
export type Part = "hook" | "endpoint" | "service" | "on";

/** @returns `hook_file_process` for the hook `file:process`: what is no letter or digit becomes `_` */
export function exportName(part: Part, name: string): string {
  return `${part}_${name
    .toLowerCase()
    .replaceAll("*", "any")
    .replaceAll(/[^a-z0-9]+/g, "_")
    .replace(/_$/, "")}`;
}

export const LIFECYCLE_EXPORTS = {
  initialize: "initialize",
  start: "start",
  stop: "stop",
  healthCheck: "health_check",
} as const;
