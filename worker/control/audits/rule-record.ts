import type { FactPart, FactParts, Facts } from "./facts-record.ts";
import type { Finding, FindingSeverity } from "./finding-record.ts";

/** What a rule says of one problem; what is left out is as the rule's row says. */
export interface Found extends Pick<Finding, "evidence" | "recordingId"> {
  /** Absent: there can be one only. */
  readonly key?: string;
  readonly severity?: FindingSeverity;
  readonly remedy?: Finding["remedy"];
}

export interface Decision {
  readonly found: readonly Found[];
  /** Keys that the facts do not suffice to judge: what was found of them before stays as it is. */
  readonly unjudged?: readonly string[];
}

export interface AuditRule {
  readonly severity: FindingSeverity;
  readonly title: string;
  readonly needs: FactPart;
  readonly remedy: Finding["remedy"];
  /** @returns undefined where the part that it needs is absent */
  readonly decide: (facts: Facts) => Decision | undefined;
}

/** A row of the table whose decision gets the part that it needs. */
export function rule<Part extends FactPart>(
  needs: Part,
  spec: Pick<AuditRule, "severity" | "title" | "remedy">,
  decide: (part: FactParts[Part], now: number) => readonly Found[] | Decision,
): AuditRule {
  return {
    ...spec,
    needs,
    decide: ({ now, parts }) => {
      const part = parts[needs] as FactParts[Part] | undefined; // the member of that name
      if (part === undefined) return undefined;
      const decision = decide(part, now);
      return "found" in decision ? decision : { found: decision };
    },
  };
}
