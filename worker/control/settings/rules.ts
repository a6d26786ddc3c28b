import { SETTING_GROUPS, specsOf, type Settings, type SettingSpec } from "../../../sdk/contract/settings.ts";
import type { SettingsChange, SettingValue, SettingValues } from "./schema.ts";

/**
 * The settings in force, from what is stored. A setting that is not stored, or whose stored value the table no longer
 * allows, has its default; what the table no longer has is left out.
 */
export function settingsFrom(stored: SettingValues | undefined): Settings {
  return Object.fromEntries(
    SETTING_GROUPS.map((group) => [
      group,
      Object.fromEntries(
        Object.entries(specsOf(group)).map(([name, spec]) => {
          const value = stored?.[group]?.[name];
          return [name, isAllowed(spec, value) ? value : spec.default];
        }),
      ),
    ]),
  ) as unknown as Settings; // every name of the table is mapped above
}

function isAllowed(spec: SettingSpec, value: SettingValue | undefined): boolean {
  if (spec.kind === "switch") return typeof value === "boolean";
  if (spec.kind === "choice") return typeof value === "string" && spec.choices.includes(value);
  return typeof value === "number" && Number.isInteger(value) && value >= spec.minimum && value <= spec.maximum;
}

export interface ChangedSettings {
  readonly settings: Settings;
  /** Such as `audit.intervalMinutes`; empty where the change changes nothing. */
  readonly changed: readonly string[];
}

/** The settings after a change, which the API has held against the table. */
export function changeSettings(known: Settings, change: SettingsChange): ChangedSettings {
  const groups = SETTING_GROUPS.map((group) => [group, { ...known[group], ...change[group] }] as const);
  const settings = Object.fromEntries(groups) as unknown as Settings; // every group of the table is mapped above
  const changed = groups.flatMap(([group, values]) =>
    Object.entries(values)
      .filter(([name, value]) => value !== (known[group] as Readonly<Record<string, SettingValue>>)[name]) // a group holds values by name
      .map(([name]) => `${group}.${name}`),
  );
  return { settings, changed };
}
