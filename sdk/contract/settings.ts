/**
 * Settings of the platform that are changed while it runs, once: what each is, its default and what it may be. Storage,
 * validation, API and documentation follow from the table. Jobs read the settings at the start of each run.
 */
export type SettingSpec =
  | { readonly kind: "switch"; readonly default: boolean; readonly title: string }
  | {
      readonly kind: "count";
      readonly default: number;
      readonly minimum: number;
      readonly maximum: number;
      readonly unit: "minutes" | "findings" | "errors" | "backups" | "percent" | "calls";
      readonly title: string;
    }
  | { readonly kind: "choice"; readonly default: string; readonly choices: readonly string[]; readonly title: string };

const DAY_MINUTES = 1_440;

export const SETTINGS = {
  /** How plugins are audited and healed. */
  audit: {
    continuous: { kind: "switch", default: true, title: "audit without being asked" },
    intervalMinutes: {
      kind: "count",
      default: 15,
      minimum: 1,
      maximum: DAY_MINUTES,
      unit: "minutes",
      title: "time between two audits of an install",
    },
    autoFix: { kind: "switch", default: true, title: "repair what an audit finds, where that is safe" },
    criticalThreshold: {
      kind: "count",
      default: 3,
      minimum: 1,
      maximum: 100,
      unit: "findings",
      title: "critical findings that make an install an emergency",
    },
    scope: {
      kind: "choice",
      default: "active-only",
      choices: ["active-only", "all"],
      title: "installs that are audited",
    },
    notificationLevel: {
      kind: "choice",
      default: "warnings",
      choices: ["none", "errors", "warnings", "all"],
      title: "least severe finding that somebody is told of",
    },
  },
  /** How backups are made and an emergency is met. */
  migration: {
    backupIntervalMinutes: {
      kind: "count",
      default: 30,
      minimum: 5,
      maximum: DAY_MINUTES,
      unit: "minutes",
      title: "time between two backups",
    },
    healthCheckMinutes: {
      kind: "count",
      default: 5,
      minimum: 1,
      maximum: DAY_MINUTES,
      unit: "minutes",
      title: "time between two checks of an install's health",
    },
    emergencyErrorThreshold: {
      kind: "count",
      default: 5,
      minimum: 1,
      maximum: 1_000,
      unit: "errors",
      title: "failures of database or store within a minute that make the platform fall back",
    },
    autoRecovery: {
      kind: "switch",
      default: true,
      title: "take writes again by itself once the stores have answered well for a while",
    },
    retention: {
      kind: "count",
      default: 10,
      minimum: 1,
      maximum: 100,
      unit: "backups",
      title: "backups that are kept",
    },
  },
  /** When the built-in alerts fire. */
  alerts: {
    errorRatePercent: {
      kind: "count",
      default: 25,
      minimum: 1,
      maximum: 100,
      unit: "percent",
      title: "part of a plugin's calls of 15 minutes whose failure is an alert",
    },
    minimumCalls: {
      kind: "count",
      default: 20,
      minimum: 1,
      maximum: 10_000,
      unit: "calls",
      title: "calls in 15 minutes below which a rate says nothing",
    },
  },
} as const satisfies Record<string, Record<string, SettingSpec>>;

type ValueOf<Spec> = Spec extends { readonly kind: "switch" }
  ? boolean
  : Spec extends { readonly kind: "count" }
    ? number
    : Spec extends { readonly choices: readonly (infer Choice)[] }
      ? Choice
      : never;

/** Every setting with its value. */
export type Settings = {
  readonly [Group in SettingGroup]: {
    readonly [Name in keyof (typeof SETTINGS)[Group]]: ValueOf<(typeof SETTINGS)[Group][Name]>;
  };
};

export type SettingGroup = keyof typeof SETTINGS;
export const SETTING_GROUPS = Object.keys(SETTINGS) as SettingGroup[]; // Object.keys loses the key type

/** The settings of a group by name, for code that treats all alike. */
export function specsOf(group: SettingGroup): Readonly<Record<string, SettingSpec>> {
  return SETTINGS[group];
}

export const DEFAULT_SETTINGS: Settings = Object.fromEntries(
  SETTING_GROUPS.map((group) => [
    group,
    Object.fromEntries(Object.entries(specsOf(group)).map(([name, spec]) => [name, spec.default])),
  ]),
) as unknown as Settings; // Object.fromEntries loses the key types
