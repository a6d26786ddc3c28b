import * as v from "valibot";
import { configLimitIssues } from "../../../sdk/contract/config/config-limits.ts";
import { namesOf, type JsonObject } from "../../../sdk/contract/config/json-values.ts";
import type { Fallback, HookOverrides } from "../../../sdk/contract/hooks.ts";
import { PLUGIN_ID_PATTERN } from "../../../sdk/contract/identifiers.ts";
import { LIMITS, type LimitName, type Limits } from "../../../sdk/contract/limits.ts";
import { fallback, hookOverrides } from "../../../sdk/contract/manifest-offers.ts";
import { VALIDATION_MODES, type ValidationMode } from "../../../sdk/contract/payloads/validation-modes.ts";
import { REUSE_MODES, type ReuseMode } from "../../../sdk/contract/reuse.ts";
import { VERSION_MAX_LENGTH, VERSION_PATTERN } from "../../../sdk/contract/version.ts";
import type { SealedDocument } from "../config/configuration-record.ts";
import { GrantsInput } from "../grants/schema.ts";
import { GateChoice } from "../upgrades/gate-schema.ts";
import type { InstallState } from "./rules.ts";
import type { SafeMode } from "./safe-mode-record.ts";

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

const TEMPLATE_LENGTH = 64;

/** Name of a template for configurations. */
export const TemplateName = v.pipe(
  v.string(),
  v.maxLength(TEMPLATE_LENGTH, `must be at most ${TEMPLATE_LENGTH} characters`),
  v.regex(/^[a-z0-9]+(-[a-z0-9]+)*$/, "must be lower-case words joined by `-`"),
);

/** A configuration as a request gives it; whether it fits the plugin's schema is for the action to say. */
export const ConfigValues = v.pipe(
  v.unknown(),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    const issues = configLimitIssues(dataset.value);
    for (const { path, message } of issues) addIssue({ message, path: pathOf(namesOf(path)) });
    return issues.length > 0 ? NEVER : (dataset.value as JsonObject); // the limits hold for objects only
  }),
  v.metadata({ jsonSchema: { type: "object", additionalProperties: true } }),
);

/** Path of an issue as valibot has it; undefined is the whole. */
function pathOf(names: readonly string[]): [v.IssuePathItem, ...v.IssuePathItem[]] | undefined {
  const [first, ...rest] = names.map((key): v.UnknownPathItem => ({
    type: "unknown",
    origin: "value",
    input: undefined,
    key,
    value: undefined,
  }));
  return first && [first, ...rest];
}

const Config = v.pipe(
  ConfigValues,
  v.description("What the plugin reads as its configuration in every environment; replaces all that was set before"),
);

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

const Reuse = v.pipe(
  v.picklist(REUSE_MODES, `must be one of: ${REUSE_MODES.join(", ")}`),
  v.description(
    "fresh (the default): each call has a new instance of the plugin. warm: calls of this install may find the memory, globals " +
      "and variables that earlier ones left",
  ),
);

const PersistVariables = v.pipe(
  v.boolean("must be true or false"),
  v.description(
    "true: what a call that ended well left in the plugin's variables is there for the next call, at most 256 KiB. false (the " +
      "default): variables end with the call",
  ),
);

const Validate = v.pipe(
  v.picklist(VALIDATION_MODES, `must be one of: ${VALIDATION_MODES.join(", ")}`),
  v.description(
    "Whether input, output or both of a call are held against what the manifest says of the function. An input that does not fit is " +
      "refused before the plugin runs (INPUT_INVALID); an output that does not is the plugin's failure (OUTPUT_INVALID). off is the default",
  ),
);

const Hooks = v.pipe(
  hookOverrides,
  v.description(
    "By name of a hook that the plugin attaches to: class, priority, criticality, timeoutMs, fallback (null: none) or `disabled` " +
      "instead of what the manifest says; replaces all that was set before",
  ),
);

const InstallFallback = v.pipe(
  v.nullable(fallback),
  v.description(
    "What answers where a call of the plugin fails: `{ value }`, or `{ plugin, function? }` called with the same input; null: nothing",
  ),
);

const options = {
  version: v.optional(
    v.pipe(versionText, v.description("Absent: the newest version that is no prerelease, if there is one")),
  ),
  activate: v.optional(v.pipe(v.boolean(), v.description("False: install without taking calls yet")), true),
  config: v.optional(Config),
  template: v.optional(
    v.pipe(
      TemplateName,
      v.description("Template of the plugin whose values are copied and lie under those of `config`"),
    ),
  ),
  limits: v.optional(NarrowedLimits),
  grants: v.optional(GrantsInput),
  reuse: v.optional(Reuse),
  persistVariables: v.optional(PersistVariables),
  hooks: v.optional(Hooks),
  fallback: v.optional(InstallFallback),
  validate: v.optional(Validate),
};

export const InstallBody = v.strictObject({ pluginId, ...options });
export const InstallOptions = v.optional(v.strictObject(options), {});

export const UpdateBody = v.pipe(
  v.strictObject({
    version: v.optional(versionText),
    gate: v.optional(GateChoice),
    config: v.optional(Config),
    limits: v.optional(NarrowedLimits),
    reuse: v.optional(Reuse),
    persistVariables: v.optional(PersistVariables),
    hooks: v.optional(Hooks),
    fallback: v.optional(InstallFallback),
    validate: v.optional(Validate),
  }),
  v.check(
    ({ gate: _how, ...body }) => Object.values(body).some((value) => value !== undefined),
    "must name version, config, limits, reuse, persistVariables, hooks, fallback or validate",
  ),
  v.check(({ gate, version }) => gate === undefined || version !== undefined, "has a gate, and no version to hold"),
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
  configRevision: v.pipe(v.number(), v.integer(), v.description("0: never configured")),
  configKeys: v.pipe(v.array(v.string()), v.description("Names only: values may be secrets and are not shown here")),
  limits: v.pipe(
    v.record(v.string(), v.number()),
    v.description("What the operator narrowed; the rest follows the version and the plan"),
  ),
  reuse: v.picklist(REUSE_MODES),
  persistVariables: v.boolean(),
  safeMode: v.pipe(
    v.nullable(v.object({ reason: v.string(), by: v.string(), since: time })),
    v.description("Present while it runs without capabilities and with half its limits"),
  ),
  generation: v.pipe(v.number(), v.integer(), v.description("Of its isolates: a restart raises it")),
  hooks: Hooks,
  fallback: InstallFallback,
  validate: v.picklist(VALIDATION_MODES),
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
  /** The revision that holds; 0 where there is none yet. */
  readonly configRevision: number;
  readonly configuration: SealedDocument;
  readonly limits: Partial<Limits>;
  readonly reuse: ReuseMode;
  readonly persistVariables: boolean;
  readonly safeMode: SafeMode | null;
  /** The isolate generation that calls begin with. */
  readonly generation: number;
  readonly hooks: HookOverrides;
  /** What stands in where a plain call fails. */
  readonly fallback: Fallback | null;
  readonly validate: ValidationMode;
  readonly installedBy: string;
  readonly createdAt: number;
  /** Grows with every change, also within one millisecond, so that it tells two states of the row apart. */
  readonly updatedAt: number;
}

/** Columns of an install that a change may set. */
export type InstallChange = Partial<
  Pick<
    Install,
    | "id"
    | "createdAt"
    | "ownerTenantId"
    | "versionId"
    | "state"
    | "configRevision"
    | "limits"
    | "reuse"
    | "persistVariables"
    | "safeMode"
    | "generation"
    | "hooks"
    | "fallback"
    | "validate"
    | "installedBy"
  >
> & { readonly config?: Readonly<Record<string, never>> };

/** The install as answers show it. */
export function describeInstall(install: Install): v.InferInput<typeof InstallAnswer> {
  const { tenantId: _own, configuration, limits, ...shown } = install;
  const { values, secrets } = configuration;
  const secretNames = Object.keys(secrets.default ?? {}).map((pointer) => namesOf(pointer)[0] ?? "");
  const names = new Set([...Object.keys(values.default ?? {}), ...secretNames]);
  return { ...shown, configKeys: [...names].sort(), limits: { ...limits } };
}
