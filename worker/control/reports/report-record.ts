import type { Permission } from "../../../sdk/contract/roles.ts";

/** How a value is shown; JSON has the number or text itself. */
export type ColumnKind = "text" | "count" | "time" | "bytes" | "percent" | "number";

export interface ColumnSpec {
  readonly title: string;
  readonly kind: ColumnKind;
}

export interface SectionSpec {
  readonly title: string;
  /** What the rows are, and what they leave out. */
  readonly note: string;
  readonly columns: Readonly<Record<string, ColumnSpec>>;
}

export interface ReportSpec {
  readonly title: string;
  readonly summary: string;
  readonly permission: Permission;
  readonly sections: Readonly<Record<string, SectionSpec>>;
}

const text = (title: string): ColumnSpec => ({ title, kind: "text" });
const count = (title: string): ColumnSpec => ({ title, kind: "count" });
const time = (title: string): ColumnSpec => ({ title, kind: "time" });
const bytes = (title: string): ColumnSpec => ({ title, kind: "bytes" });
const number = (title: string): ColumnSpec => ({ title, kind: "number" });
const plugin = text("Plugin");

/** Durations of a group of executions: milliseconds, nearest rank. */
const latencies = { p50: count("p50 (ms)"), p95: count("p95 (ms)"), p99: count("p99 (ms)") };
const load = {
  executions: count("Executions"),
  failed: count("Failed"),
  fuel: count("Fuel"),
  ...latencies,
  hostCalls: count("Host calls"),
  memoryPeak: bytes("Largest memory"),
};

/** Every kind of report, once: routes, answers, pages and the reference follow from the rows. */
export const REPORTS = {
  audit: {
    title: "Audit report",
    summary: "Who changed what",
    permission: "plugins:read",
    sections: {
      actions: {
        title: "What was done",
        note: "Rows of the audit log by action, most frequent first.",
        columns: {
          action: text("Action"),
          count: count("Times"),
          subjects: count("People and keys"),
          firstAt: time("First"),
          lastAt: time("Last"),
        },
      },
      subjects: {
        title: "Who did it",
        note: "Rows of the audit log by who did it, most frequent first.",
        columns: {
          subject: text("Subject"),
          tenantId: text("Its tenant"),
          count: count("Times"),
          actions: count("Different actions"),
          resources: count("Different things"),
          lastAt: time("Last"),
        },
      },
      matrix: {
        title: "Who did what",
        note: "Rows of the audit log by subject and action.",
        columns: { subject: text("Subject"), action: text("Action"), count: count("Times"), lastAt: time("Last") },
      },
      integrity: {
        title: "Integrity of the log",
        note: "Rows are numbered without gaps, so one that is missing shows; and chained by hashes, so any change shows.",
        columns: {
          first: count("First number"),
          last: count("Last number"),
          rows: count("Rows"),
          missing: count("Missing"),
          chain: text("Chain"),
        },
      },
    },
  },
  compliance: {
    title: "Compliance report",
    summary: "What plugins may do and do, who consented, how old secrets are, what was found, how long data is kept",
    permission: "plugins:operate",
    sections: {
      grants: {
        title: "Grants in force",
        note: "With what was used of each in the days of the report.",
        columns: {
          pluginId: plugin,
          capability: text("Capability"),
          version: text("Version that asked"),
          grantedBy: text("Granted by"),
          grantedAt: time("Granted"),
          executions: count("Executions"),
          calls: count("Calls"),
          refused: count("Refused"),
          lastUsedAt: time("Last used"),
          verdict: text("Verdict"),
        },
      },
      consents: {
        title: "Consents",
        note: "Versions that asked for more than the one installed: decided in the report's time, or waiting.",
        columns: {
          pluginId: plugin,
          fromVersion: text("From"),
          version: text("To"),
          requestedBy: text("Requested by"),
          requestedAt: time("Requested"),
          decision: text("Decision"),
          decidedBy: text("Decided by"),
          decidedAt: time("Decided"),
        },
      },
      secrets: {
        title: "Secrets and their ages",
        note: "API keys in force, secrets of installs and of webhooks; oldest first, never their values.",
        columns: {
          kind: text("Kind"),
          owner: text("Of"),
          name: text("Name"),
          changedAt: time("Changed"),
          ageDays: count("Age (days)"),
          expiresAt: time("Expires"),
        },
      },
      quarantines: {
        title: "Quarantines",
        note: "Installs that were put into quarantine or released in the report's time.",
        columns: {
          pluginId: plugin,
          event: text("Event"),
          subject: text("By"),
          reason: text("Reason"),
          at: time("At"),
        },
      },
      findings: {
        title: "Findings of audits",
        note: "As they are now; fixed ones where they were fixed in the report's time.",
        columns: {
          pluginId: plugin,
          severity: text("Severity"),
          open: count("Open"),
          acknowledged: count("Acknowledged"),
          fixed: count("Fixed"),
          oldestAt: time("Oldest open since"),
        },
      },
      retention: {
        title: "How long data is kept",
        note: "Empty: as long as the tenant is there.",
        columns: { data: text("Data"), days: count("Days") },
      },
    },
  },
  capacity: {
    title: "Capacity report",
    summary: "What plugins use by day, how that grows, and how near limits are",
    permission: "plugins:read",
    sections: {
      plugins: {
        title: "By plugin",
        note: "Of the newest 100,000 executions of the report's time. Trend: least squares over executions a day, days without any included; next 30 days: that line going on, never below 0; empty with fewer than 7 days.",
        columns: {
          pluginId: plugin,
          ...load,
          trend: number("Trend (executions a day, each day)"),
          projected: count("Next 30 days"),
        },
      },
      days: {
        title: "By plugin and day",
        note: "UTC days, of the same executions.",
        columns: { pluginId: plugin, day: text("Day"), ...load },
      },
      capabilities: {
        title: "Capabilities",
        note: "What plugins used over the platform, by capability: storage, messages, requests and the rest.",
        columns: {
          pluginId: plugin,
          capability: text("Capability"),
          executions: count("Executions"),
          calls: count("Calls"),
          refused: count("Refused"),
          bytes: bytes("Moved"),
        },
      },
      packages: {
        title: "Packages",
        note: "As uploaded, all versions that are kept.",
        columns: { pluginId: plugin, versions: count("Versions"), bytes: bytes("Stored") },
      },
      limits: {
        title: "Limits of the tenant",
        note: "As it is now.",
        columns: {
          limit: text("Limit"),
          used: count("Used"),
          allowed: count("Allowed"),
          share: { title: "Used", kind: "percent" },
        },
      },
    },
  },
} as const satisfies Record<string, ReportSpec>;

export type ReportKind = keyof typeof REPORTS;
export const REPORT_KINDS = Object.keys(REPORTS) as ReportKind[]; // Object.keys loses the key type

/** The sections of all kinds by one name. */
export type SectionName = { [Kind in ReportKind]: keyof (typeof REPORTS)[Kind]["sections"] }[ReportKind];

export type Cell = string | number | null;
export type Row = Readonly<Record<string, Cell>>;

export interface Section {
  readonly id: string;
  readonly title: string;
  readonly note: string;
  readonly columns: readonly { readonly key: string; readonly title: string; readonly kind: ColumnKind }[];
  readonly rows: readonly Row[];
  /** True where there are more rows than a report has. */
  readonly truncated: boolean;
}

export interface Report {
  readonly kind: ReportKind;
  readonly title: string;
  readonly tenantId: string;
  /** Milliseconds since the epoch: at or after, and before. */
  readonly from: number;
  readonly to: number;
  readonly generatedAt: number;
  readonly sections: readonly Section[];
}

/** What a report is about. */
export interface ReportScope {
  readonly tenantId: string;
  readonly from: number;
  readonly to: number;
  readonly now: number;
}
