import * as v from "valibot";
import { PLUGIN_ID_PATTERN } from "../../../sdk/contract/identifiers.ts";
import { LIMITS, type LimitName, type Limits } from "../../../sdk/contract/limits.ts";
import { VERSION_MAX_LENGTH, VERSION_PATTERN } from "../../../sdk/contract/version.ts";
import { GrantsInput } from "../grants/schema.ts";
import type { InstallState } from "./rules.ts";

/** Configuration of one install: text by name, small enough that a tenant's snapshot stays small. Sizes in bytes. */
export const CONFIG_LIMITS = { entries: 100, nameBytes: 128, valueBytes: 8_192, totalBytes: 65_536 } as const;

export const INSTALL_STATES = [
  "installed",
  "active",
  "inactive",
  "error",
  "quarantined",
  "uninstalled",
] as const satisfies readonly InstallState[];

const pluginId = v.pipe(v.string(), v.regex(PLUGIN_ID_PATTERN, "must be a plugin id: `name` or `publisher.name`"));
const versionText = v.pipe(
  v.string(),
  v.maxLength(VERSION_MAX_LENGTH, `must be at most ${VERSION_MAX_LENGTH} characters`),
  v.regex(VERSION_PATTERN, "must be a semantic version such as 1.2.0"),
);

export const PluginParams = v.object({ id: pluginId });

const encoder = new TextEncoder();
const byteLength = (text: string): number => encoder.encode(text).byteLength;

const Config = v.pipe(
  v.record(
    v.pipe(
      v.string(),
      v.check(
        (name) => name !== "" && byteLength(name) <= CONFIG_LIMITS.nameBytes,
        `must have a name of 1 to ${CONFIG_LIMITS.nameBytes} bytes`,
      ),
    ),
    v.pipe(
      v.string("must be text"),
      v.check(
        (value) => byteLength(value) <= CONFIG_LIMITS.valueBytes,
        (issue) => `must be at most ${CONFIG_LIMITS.valueBytes} bytes; found ${byteLength(issue.input)}`,
      ),
    ),
  ),
  v.check(
    (config) => Object.keys(config).length <= CONFIG_LIMITS.entries,
    (issue) => `must have at most ${CONFIG_LIMITS.entries} entries; found ${Object.keys(issue.input).length}`,
  ),
  v.check(
    (config) => configBytes(config) <= CONFIG_LIMITS.totalBytes,
    (issue) =>
      `must be at most ${CONFIG_LIMITS.totalBytes} bytes, names and values together; found ${configBytes(issue.input)}`,
  ),
  v.description("What the plugin reads as its configuration; replaces all that was set before"),
);

function configBytes(config: Readonly<Record<string, string>>): number {
  return Object.entries(config).reduce((total, [name, value]) => total + byteLength(name) + byteLength(value), 0);
}

function limit(name: LimitName) {
  const { maximum, unit, title } = LIMITS[name];
  const message = `must be a whole number of ${unit} from 0 to ${maximum}`;
  return v.exactOptional(
    v.pipe(
      v.number(message),
      v.integer(message),
      v.minValue(0, message),
      v.maxValue(maximum, message),
      v.description(`${title}, in ${unit}`),
    ),
  );
}

const limitNames = Object.keys(LIMITS) as LimitName[]; // Object.keys loses the key type
const NarrowedLimits = v.pipe(
  v.strictObject(
    Object.fromEntries(limitNames.map((name) => [name, limit(name)])) as {
      [Name in LimitName]: ReturnType<typeof limit>;
    }, // Object.fromEntries loses the key type
    (issue) => (issue.expected === "never" ? "is not a limit" : "must be an object of limits"),
  ),
  v.description("Narrower limits than the version's own; replaces all that were set before"),
);

const options = {
  version: v.optional(
    v.pipe(versionText, v.description("Absent: the newest version that is no prerelease, if there is one")),
  ),
  activate: v.optional(v.pipe(v.boolean(), v.description("False: install without taking calls yet")), true),
  config: v.optional(Config),
  limits: v.optional(NarrowedLimits),
  grants: v.optional(GrantsInput),
};

export const InstallBody = v.strictObject({ pluginId, ...options });
export const InstallOptions = v.optional(v.strictObject(options), {});
export const UpdateBody = v.pipe(
  v.strictObject({
    version: v.optional(versionText),
    config: v.optional(Config),
    limits: v.optional(NarrowedLimits),
  }),
  v.check((body) => Object.values(body).some((value) => value !== undefined), "must name version, config or limits"),
);

export type InstallInput = v.InferOutput<typeof InstallBody>;
export type UpdateInput = v.InferOutput<typeof UpdateBody>;

const time = v.pipe(v.number(), v.integer(), v.description("Milliseconds since the epoch"));

export const InstallAnswer = v.object({
  id: v.string(),
  pluginId: v.string(),
  ownerTenantId: v.pipe(v.string(), v.description("Whose package it is: the tenant's own, or the platform's")),
  version: v.string(),
  versionId: v.string(),
  state: v.picklist(INSTALL_STATES),
  configKeys: v.pipe(v.array(v.string()), v.description("Names only: values may be secrets and are not shown here")),
  limits: v.pipe(
    v.record(v.string(), v.number()),
    v.description("What the operator narrowed; the rest follows the version and the plan"),
  ),
  installedBy: v.string(),
  createdAt: time,
  updatedAt: time,
});

/** An install as the database holds it. */
export interface Install {
  readonly id: string;
  readonly tenantId: string;
  readonly pluginId: string;
  readonly ownerTenantId: string;
  readonly versionId: string;
  readonly version: string;
  readonly state: InstallState;
  readonly config: Readonly<Record<string, string>>;
  readonly limits: Partial<Limits>;
  readonly installedBy: string;
  readonly createdAt: number;
  /** Grows with every change, also within one millisecond, so that it tells two states of the row apart. */
  readonly updatedAt: number;
}

/** Columns of an install that a change may set. */
export type InstallChange = Partial<
  Pick<Install, "ownerTenantId" | "versionId" | "state" | "config" | "limits" | "installedBy">
>;

/** The install as answers show it. */
export function describeInstall(install: Install): v.InferInput<typeof InstallAnswer> {
  const { tenantId: _own, config, limits, ...shown } = install;
  return { ...shown, configKeys: Object.keys(config).sort(), limits: { ...limits } };
}
