import { parseRange, parseVersion, satisfies } from "../../../sdk/contract/version.ts";

/** A known vulnerability of versions of a plugin. */
export interface Advisory {
  readonly id: string;
  readonly pluginId: string;
  /** Of semantic versions. */
  readonly range: string;
  readonly severity: "critical" | "high" | "medium" | "low";
  readonly text: string;
  readonly recordedBy: string;
  readonly createdAt: number;
  readonly withdrawnAt: number | null;
}

/** Whether an advisory is about a version. A prerelease is concerned where its release would be: caution asks nobody's consent. */
export function concerns({ range }: Pick<Advisory, "range">, version: string): boolean {
  const [parsed, bounds] = [parseVersion(version), parseRange(range)];
  if (!parsed || !bounds) return false;
  return (
    satisfies(parsed, bounds) || (parsed.prerelease.length > 0 && satisfies({ ...parsed, prerelease: [] }, bounds))
  );
}
