import type { Grants } from "../../../sdk/contract/grants.ts";
import { covered, scopeOf, type GrantRecord } from "../grants/rules.ts";
import { DAY_MS, reportOn } from "../grants/report-rules.ts";
import { effectiveGrants } from "../grants/rules.ts";
import { rule, type Found } from "./rule-record.ts";

/** Least privilege: what is granted against what is asked for and what is used. */

/** A grant younger than this may not have had its occasion yet. */
export const UNUSED_AFTER_DAYS = 14;

/** What of a grant the installed version does not ask for; undefined: nothing. It is not in force, and may come to be with an update. */
function excessOf(asks: Grants, { capability, asked, granted }: GrantRecord): readonly string[] | undefined {
  const ask = asks[capability];
  if (!ask) return ["all"];
  const scope = scopeOf(capability);
  const names = scope && (granted[scope] ?? asked[scope]);
  const allowed = scope && ask[scope];
  if (!scope || !names || !allowed) return undefined;
  const excess = names.filter((name) => !covered(scope, allowed, name));
  return excess.length > 0 ? excess : undefined;
}

export const GRANT_RULES = {
  "grant.exceeds-manifest": rule(
    "grants",
    {
      severity: "medium",
      title: "more is granted than the installed version asks for",
      remedy: { action: "revoke-grant", text: "Revoke the grant, or grant what the version asks for." },
    },
    ({ asks, records }) =>
      records.flatMap((record): Found[] => {
        const excess = excessOf(asks, record);
        if (!excess) return [];
        const { capability, version } = record;
        return [{ key: capability, evidence: { capability, grantedForVersion: version, excess } }];
      }),
  ),
  "grant.unused": rule(
    "grants",
    {
      severity: "low",
      title: `a capability was granted over ${UNUSED_AFTER_DAYS} days ago and never used since, while others were`,
      remedy: { action: "revoke-grant", text: "Revoke the grant; it can be given again." },
    },
    ({ asks, records, sums, periodDays }, now) => {
      const isUsed = sums.some(({ calls, refused }) => calls > refused);
      if (!isUsed) return [];
      const { capabilities } = reportOn(asks, effectiveGrants(asks, records), sums);
      return capabilities.flatMap(({ capability, verdict }): Found[] => {
        const grantedAt = records.find((record) => record.capability === capability)?.grantedAt ?? now;
        if (verdict !== "unused" || now - grantedAt < UNUSED_AFTER_DAYS * DAY_MS) return [];
        return [{ key: capability, evidence: { capability, grantedAt, periodDays } }];
      });
    },
  ),
  "grant.partly-used": rule(
    "grants",
    {
      severity: "info",
      title: "a grant names hosts, topics or services that were never reached",
      remedy: { action: "none", text: "Narrow the grant as `GET /permissions/report` suggests." },
    },
    ({ asks, records, sums, periodDays }, now) => {
      const { capabilities } = reportOn(asks, effectiveGrants(asks, records), sums);
      return capabilities.flatMap(({ capability, verdict, scopes }): Found[] => {
        const grantedAt = records.find((record) => record.capability === capability)?.grantedAt ?? now;
        if (verdict !== "partly-used" || now - grantedAt < UNUSED_AFTER_DAYS * DAY_MS) return [];
        const unused = scopes.filter(({ executions }) => executions === 0).map(({ name }) => name);
        return [{ key: capability, evidence: { capability, unused, periodDays } }];
      });
    },
  ),
} as const;
