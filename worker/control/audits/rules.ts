import { DRIFT_RULES } from "./drift-rules.ts";
import type { Facts } from "./facts-record.ts";
import { FINDING_SEVERITIES, type Finding, type FindingSeverity } from "./finding-record.ts";
import { GRANT_RULES } from "./grant-rules.ts";
import { INTEGRITY_RULES } from "./integrity-rules.ts";
import { PERFORMANCE_RULES } from "./performance-rules.ts";
import type { AuditRule } from "./rule-record.ts";
import { STABILITY_RULES } from "./stability-rules.ts";
import { VERSION_RULES } from "./version-rules.ts";

/** Every check of an audit, once. Ids are public and stable: never rename, never reuse. */
export const AUDIT_RULES = {
  ...INTEGRITY_RULES,
  ...DRIFT_RULES,
  ...GRANT_RULES,
  ...PERFORMANCE_RULES,
  ...VERSION_RULES,
  ...STABILITY_RULES,
} as const satisfies Record<string, AuditRule>;

export type AuditRuleName = keyof typeof AUDIT_RULES;
export const AUDIT_RULE_NAMES = Object.keys(AUDIT_RULES) as AuditRuleName[]; // Object.keys loses the key type

export interface Judgement {
  readonly findings: readonly Finding[];
  /** What was found before of these stays as it is: rules without their facts, and of others `rule key`. */
  readonly unjudgedRules: readonly AuditRuleName[];
  readonly unjudgedKeys: readonly string[];
}

/** Most findings of one rule at one install; the rest would say the same. */
const FINDINGS_PER_RULE = 50;

/** What all rules say of an install. */
export function judge(facts: Facts): Judgement {
  const findings: Finding[] = [];
  const unjudgedRules: AuditRuleName[] = [];
  const unjudgedKeys: string[] = [];
  for (const name of AUDIT_RULE_NAMES) {
    const { severity, remedy, decide }: AuditRule = AUDIT_RULES[name];
    const decision = decide(facts);
    if (!decision) {
      unjudgedRules.push(name);
      continue;
    }
    unjudgedKeys.push(...(decision.unjudged ?? []).map((key) => keyOf(name, key)));
    const found = decision.found.slice(0, FINDINGS_PER_RULE);
    findings.push(...found.map((one) => ({ key: "", severity, remedy, ...one, rule: name })));
  }
  return { findings, unjudgedRules, unjudgedKeys };
}

export function keyOf(rule: string, key: string): string {
  return `${rule} ${key}`;
}

/** Whether a finding was looked for, so that it is fixed where it was not found. */
export function wasJudged({ unjudgedRules, unjudgedKeys }: Judgement, rule: string, key: string): boolean {
  return !(unjudgedRules as readonly string[]).includes(rule) && !unjudgedKeys.includes(keyOf(rule, key));
}

/** Least severe finding that is told as an event, by the platform's setting. */
const TOLD: Readonly<Record<"none" | "errors" | "warnings" | "all", number>> = {
  none: -1,
  errors: 1,
  warnings: 2,
  all: 4,
};

export function isTold(severity: FindingSeverity, level: keyof typeof TOLD): boolean {
  return FINDING_SEVERITIES.indexOf(severity) <= TOLD[level];
}

/** How many there are of each severity. */
export function countBySeverity(
  findings: readonly { readonly severity: FindingSeverity }[],
): Record<FindingSeverity, number> {
  const counts = { critical: 0, high: 0, medium: 0, low: 0, info: 0 };
  for (const { severity } of findings) counts[severity]++;
  return counts;
}
