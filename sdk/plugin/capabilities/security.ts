import { capabilityFunction } from "../capability-call.ts";

export interface Finding {
  readonly severity: "info" | "notice" | "warning" | "error";
  readonly title: string;
  readonly detail?: string;
}

export interface LogOptions {
  /** `security` where nothing is said. */
  readonly log?: "security" | "audit";
  /** Number of the last one of the page before. */
  readonly before?: number;
  readonly limit?: number;
}

type LogPage = { readonly events: readonly Readonly<Record<string, unknown>>[]; readonly more: boolean };

const read = capabilityFunction<LogOptions, LogPage>("security_events");
const raise = capabilityFunction<Finding, { id: string }>("security_raise");

/** What the platform wrote down about the plugin. Every function throws CapabilityError where it is refused. */
export const security = {
  async events(options: LogOptions = {}): Promise<LogPage> {
    return read(options).value;
  },

  /** @returns id of the finding in the tenant's event log */
  async raise(finding: Finding): Promise<string> {
    return raise(finding).value.id;
  },
};
