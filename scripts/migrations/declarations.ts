import type { Finding } from "./findings.ts";
import { MIGRATION_RULES, type Offence, type RuleName, type RuleSpec } from "./rule-table.ts";

/** Comments in which a migration says why what it does harms nobody. Pure. */

export interface Declaration {
  readonly text: string;
  readonly kind: "declared" | "contract";
  readonly rule: string;
  /** Of a contract: what goes, as `table.column`. */
  readonly what: string;
  /** Of a contract: the first release whose code does not use it. */
  readonly release: string;
  readonly reason: string;
}

const DECLARED = /^declared (?<rule>[a-z-]+): *(?<reason>.*)$/;
const CONTRACT = /^contract (?<rule>[a-z-]+) (?<what>\S+), unused since (?<release>\d+\.\d+\.\d+): *(?<reason>.*)$/;
const REASON_LENGTH = 15;

/** @param comments  the lines before a statement */
export function declarationsOf(comments: readonly string[]): readonly (Declaration | { readonly text: string })[] {
  return comments
    .filter((text) => /^(?:declared|contract)\b/i.test(text))
    .map((text) => {
      const groups = (DECLARED.exec(text) ?? CONTRACT.exec(text))?.groups;
      if (!groups) return { text };
      const { rule = "", what = "", release = "", reason = "" } = groups;
      return { text, kind: text.startsWith("contract") ? "contract" : "declared", rule, what, release, reason };
    });
}

/** @returns findings that no declaration excuses, and declarations that do not hold */
export function heldAgainst(
  findings: readonly Finding[],
  declared: readonly (Declaration | { readonly text: string })[],
  release: string,
): readonly Omit<Offence, "file" | "line">[] {
  const bad: Omit<Offence, "file" | "line">[] = [];
  const excused = new Set<Finding>();
  for (const declaration of declared) {
    const fault = "kind" in declaration ? faultOf(declaration, release) : "its form is not one of the two";
    const meant = "kind" in declaration ? findings.filter((finding) => covers(declaration, finding)) : [];
    if (fault !== undefined) bad.push({ rule: "declaration", detail: `"${declaration.text}": ${fault}` });
    else if (meant.length === 0) {
      bad.push({ rule: "declaration", detail: `"${declaration.text}": the statement does no such thing` });
    } else for (const finding of meant) excused.add(finding);
  }
  const left = findings.filter((finding) => !excused.has(finding));
  return [...left.map(({ rule, what }) => ({ rule, detail: what })), ...bad];
}

function covers({ kind, rule, what }: Declaration, finding: Finding): boolean {
  return rule === finding.rule && (kind === "declared" || what.toLowerCase() === finding.what);
}

function faultOf({ kind, rule, release, reason }: Declaration, current: string): string | undefined {
  const spec: RuleSpec | undefined = Object.hasOwn(MIGRATION_RULES, rule)
    ? MIGRATION_RULES[rule as RuleName] // looked up the line before
    : undefined;
  if (!spec) return `there is no rule "${rule}"`;
  if (spec.remedy === "never") return "nothing excuses that";
  if ((spec.remedy === "contract") !== (kind === "contract")) {
    return spec.remedy === "contract" ? "that takes a contract" : "that takes no contract";
  }
  if (reason.length < REASON_LENGTH) return "it gives no reason";
  if (kind === "contract" && !isBefore(release, current)) {
    return `release ${release} must have been deployed before this one, ${current}`;
  }
  return undefined;
}

/** Whether one version of three numbers is before another. */
export function isBefore(version: string, other: string): boolean {
  const [one, two] = [version, other].map((text) => text.split(".").map(Number));
  for (const [index, number] of (one ?? []).entries()) {
    const difference = number - (two?.[index] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}
