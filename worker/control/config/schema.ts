import * as v from "valibot";
import { ENVIRONMENTS } from "../../../sdk/contract/config/environments.ts";
import { ConfigValues, PluginParams, TemplateName } from "../installs/schema.ts";

const DESCRIPTION_LENGTH = 500;
const HIGHEST_REVISION = 1_000_000_000;

const environment = v.pipe(
  v.optional(v.picklist(ENVIRONMENTS, `must be one of ${ENVIRONMENTS.join(", ")}`), "default"),
  v.description("`default` holds everywhere; the others say what is different there"),
);
const REVISION_RULE = "must be a whole number, 1 or more";
const revisionText = v.pipe(
  v.string(),
  v.regex(/^[1-9]\d{0,8}$/, REVISION_RULE),
  v.transform(Number),
  v.metadata({ jsonSchema: { type: "integer", minimum: 1 } }),
);

export const EnvironmentQuery = v.object({ environment });
export const WriteQuery = v.object({
  environment,
  template: v.optional(
    v.pipe(TemplateName, v.description("Template whose values are copied and lie under those of the body")),
  ),
});
export const RevisionParams = v.object({ ...PluginParams.entries, revision: revisionText });
export const TemplateParams = v.object({ ...PluginParams.entries, name: TemplateName });

export const ValuesBody = v.pipe(
  ConfigValues,
  v.description('The whole of what is set for the environment. `{"set": true}` in the place of a secret: it stays'),
);
export const PatchBody = v.pipe(
  ConfigValues,
  v.description("A merge patch (RFC 7396): null removes, what is left out stays"),
);
export const RollbackBody = v.strictObject({
  revision: v.pipe(
    v.number(REVISION_RULE),
    v.integer(REVISION_RULE),
    v.minValue(1, REVISION_RULE),
    v.maxValue(HIGHEST_REVISION, REVISION_RULE),
    v.description("The revision that is to hold again, of all environments"),
  ),
});
export const TemplateBody = v.strictObject({
  description: v.optional(
    v.pipe(v.string(), v.maxLength(DESCRIPTION_LENGTH, `must be at most ${DESCRIPTION_LENGTH} characters`)),
    "",
  ),
  values: v.pipe(ConfigValues, v.description("Values without secrets; they need not be complete")),
});

const time = v.pipe(v.number(), v.integer(), v.description("Milliseconds since the epoch"));
const shown = v.record(v.string(), v.unknown());
const head = {
  revision: v.pipe(v.number(), v.integer()),
  version: v.pipe(v.string(), v.description("Version of the plugin whose schema it fits")),
  environment: v.pipe(v.picklist([...ENVIRONMENTS, "all"]), v.description("What the change was about")),
  change: v.picklist(["installed", "set", "patched", "rolled-back", "migrated"]),
  changed: v.pipe(
    v.array(v.string()),
    v.description("Pointers of what differs from the revision before, at most 50; of overrides after the environment"),
  ),
  author: v.string(),
  createdAt: time,
};

export const RevisionAnswer = v.object(head);
export const RevisionDetail = v.object({
  ...head,
  values: v.pipe(
    v.record(v.picklist(ENVIRONMENTS), shown),
    v.description("What was set, by environment; of secrets only that they were set"),
  ),
});

export const ConfigAnswer = v.object({
  pluginId: v.string(),
  environment: v.picklist(ENVIRONMENTS),
  revision: v.pipe(v.number(), v.integer(), v.description("0: never configured")),
  version: v.pipe(v.string(), v.description("Version of the plugin that is installed")),
  values: v.pipe(
    shown,
    v.description("What is set for this environment; of secrets only that they are set and since when"),
  ),
  effective: v.pipe(
    shown,
    v.description("What the plugin reads: defaults of the schema, what holds everywhere, what is different here"),
  ),
  environments: v.pipe(v.array(v.picklist(ENVIRONMENTS)), v.description("Environments in which something is set")),
  updatedAt: v.nullable(time),
  updatedBy: v.nullable(v.string()),
});

export const SchemaAnswer = v.object({
  version: v.string(),
  schema: v.pipe(v.nullable(shown), v.description("JSON Schema of the manifest; null: any values are taken")),
  secrets: v.pipe(v.array(v.string()), v.description("Pointers of the values that are kept as secrets")),
  defaults: v.pipe(shown, v.description("What a plugin reads that is not configured")),
});

export const ValidationAnswer = v.object({
  valid: v.boolean(),
  issues: v.array(v.object({ path: v.string(), message: v.string() })),
});

export const TemplateAnswer = v.object({
  name: v.string(),
  description: v.string(),
  values: shown,
  author: v.string(),
  createdAt: time,
  updatedAt: time,
});
