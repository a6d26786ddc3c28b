import * as v from "valibot";
import { SETTING_GROUPS, specsOf, type SettingGroup, type SettingSpec } from "../../../sdk/contract/settings.ts";

export type SettingValue = boolean | number | string;

/** Values by group and name; which there are, the table of settings says. */
export type SettingValues = Readonly<Record<string, Readonly<Record<string, SettingValue>>>>;

function valueSchema(spec: SettingSpec): v.GenericSchema<SettingValue> {
  if (spec.kind === "switch") return v.pipe(v.boolean("must be true or false"), v.description(spec.title));
  if (spec.kind === "choice") {
    return v.pipe(v.picklist(spec.choices, `must be one of ${spec.choices.join(", ")}`), v.description(spec.title));
  }
  const rule = `must be a whole number of ${spec.unit} from ${spec.minimum} to ${spec.maximum}`;
  const found = (issue: v.BaseIssue<unknown>): string => `${rule}; found ${String(issue.input)}`;
  return v.pipe(
    v.number(rule),
    v.integer(found),
    v.minValue(spec.minimum, found),
    v.maxValue(spec.maximum, found),
    v.description(`${spec.title}, in ${spec.unit}`),
  );
}

function groupSchema(group: SettingGroup): v.GenericSchema<Record<string, SettingValue | undefined>> {
  const entries = Object.entries(specsOf(group)).map(
    ([name, spec]) => [name, v.exactOptional(valueSchema(spec))] as const,
  );
  return v.strictObject(Object.fromEntries(entries), (issue) =>
    issue.expected === "never" ? "is not a setting" : "must be an object of settings",
  );
}

function everyGroup<S>(make: (group: SettingGroup) => S): Record<SettingGroup, S> {
  return Object.fromEntries(SETTING_GROUPS.map((group) => [group, make(group)])) as Record<SettingGroup, S>; // Object.fromEntries loses the key type
}

/** What is to change; what is left out stays. */
export const SettingsBody = v.pipe(
  v.strictObject(
    everyGroup((group) => v.exactOptional(groupSchema(group))),
    (issue) => (issue.expected === "never" ? "is not a group of settings" : "must be an object of settings"),
  ),
  v.check(
    (body) => Object.values(body).some((group) => Object.keys(group ?? {}).length > 0),
    "must name at least one setting",
  ),
);
export type SettingsChange = v.InferOutput<typeof SettingsBody>;

/** Answer and body of one group by itself. */
export function groupAnswer(group: SettingGroup) {
  return v.object({
    revision: v.pipe(v.number(), v.integer(), v.description("Of all settings together; 0: never changed")),
    ...groups[group].entries,
    updatedBy: v.nullable(v.string()),
    updatedAt: v.nullable(time),
  });
}

export function groupBody(group: SettingGroup) {
  return v.pipe(
    groupSchema(group),
    v.check((values) => Object.keys(values).length > 0, "must name at least one setting"),
  );
}

const time = v.pipe(v.number(), v.integer(), v.description("Milliseconds since the epoch"));
const groups = everyGroup((group) =>
  v.object(
    Object.fromEntries(Object.entries(specsOf(group)).map(([name, spec]) => [name, valueSchema(spec)] as const)),
  ),
);

export const SettingsAnswer = v.object({
  revision: v.pipe(v.number(), v.integer(), v.description("0: never changed, all defaults")),
  ...groups,
  updatedBy: v.nullable(v.string()),
  updatedAt: v.nullable(time),
});

export const SettingsRevision = v.object({
  revision: v.pipe(v.number(), v.integer()),
  ...groups,
  changed: v.pipe(v.array(v.string()), v.description("Names of what differs from the revision before")),
  author: v.string(),
  createdAt: time,
});
