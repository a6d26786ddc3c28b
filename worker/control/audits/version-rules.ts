import type { AdvisoryFact } from "./facts-record.ts";
import { rule, type Found } from "./rule-record.ts";

/** Whether what is installed should be. */

const update = { action: "update", text: "Update to a version that is not concerned." } as const;

function byAdvisory(advisories: readonly AdvisoryFact[], of: Record<string, unknown>, prefix = ""): Found[] {
  return advisories.map(({ advisoryId, range, severity }) => ({
    key: prefix + advisoryId,
    severity,
    evidence: { ...of, advisoryId, range },
  }));
}

export const VERSION_RULES = {
  "version.known-bad": rule(
    "version",
    {
      severity: "critical",
      title: "the version contains bytes that are known to be harmful by now",
      remedy: { action: "quarantine", text: "Quarantine the install, and find out what it did." },
    },
    ({ version, knownBad }) =>
      knownBad.map(({ digest, what }) => ({ key: digest, evidence: { version, digest, what } })),
  ),
  "version.vulnerable": rule(
    "version",
    {
      severity: "high",
      title: "an advisory is about the installed version; its severity is the advisory's",
      remedy: update,
    },
    ({ version, advisories }) => byAdvisory(advisories, { version }),
  ),
  "version.yanked": rule(
    "version",
    { severity: "high", title: "the installed version was withdrawn by its owner", remedy: update },
    ({ version, yanked, newer }) =>
      yanked ? [{ key: version, evidence: { version, yankedAt: yanked.at, reason: yanked.reason, newer } }] : [],
  ),
  "version.outdated": rule(
    "version",
    {
      severity: "info",
      title: "there is a newer release",
      remedy: { action: "update", text: "Update to the newer release." },
    },
    ({ version, newer }) => (newer === null ? [] : [{ evidence: { version, newer } }]),
  ),
  "dependency.vulnerable": rule(
    "version",
    {
      severity: "high",
      title: "an advisory is about the installed version of a plugin that this one depends on",
      remedy: { action: "none", text: "Update the plugin that it depends on." },
    },
    ({ dependencies }) =>
      dependencies.flatMap(({ pluginId, installed, advisories }) =>
        byAdvisory(advisories, { dependency: pluginId, installed }, `${pluginId} `),
      ),
  ),
  "dependency.yanked": rule(
    "version",
    {
      severity: "medium",
      title: "the installed version of a plugin that this one depends on was withdrawn",
      remedy: { action: "none", text: "Update the plugin that it depends on." },
    },
    ({ dependencies }) =>
      dependencies
        .filter(({ yanked }) => yanked)
        .map(({ pluginId, installed }) => ({ key: pluginId, evidence: { dependency: pluginId, installed } })),
  ),
} as const;
