import { rule } from "./rule-record.ts";

/** Whether execution, grants and configuration are what the database says. */

const repair = { action: "repair", text: "Compile the tenant's snapshot again from the database." } as const;

export const DRIFT_RULES = {
  "snapshot.drift": rule(
    "snapshot",
    { severity: "high", title: "execution runs the install otherwise than the database says", remedy: repair },
    ({ status, ...evidence }) =>
      status === "current" || status === "behind" ? [] : [{ evidence: { status, ...evidence } }],
  ),
  "snapshot.behind": rule(
    "snapshot",
    { severity: "medium", title: "a change of the tenant has not reached execution yet", remedy: repair },
    ({ status, revision, storedRevision }) => (status === "behind" ? [{ evidence: { revision, storedRevision } }] : []),
  ),
  "config.invalid": rule(
    "config",
    {
      severity: "high",
      title: "the configuration does not fit the schema of the installed version, or a secret of it cannot be opened",
      remedy: { action: "set-config", text: "Set the places that are named, or go back to a revision that fits." },
    },
    ({ revision, issues, sealed }) => {
      if (issues.length === 0 && !sealed) return [];
      return [{ evidence: { revision, places: issues.map(({ path }) => path), unopened: sealed } }];
    },
  ),
} as const;
