import * as v from "valibot";
import { CAPABILITY_NAMES, capabilityNamed } from "./capabilities.ts";
import { configSchemaIssues } from "./config/check-schema.ts";
import { PlatformError, type Issue } from "./errors.ts";
import { namesOf } from "./config/json-values.ts";
import { MIGRATION_LIMITS } from "./config/migrations.ts";
import { isSecret, type SchemaObject } from "./config/schema-parts.ts";
import { parseFilePattern } from "./file-patterns.ts";
import { quotaProblems } from "./grants.ts";
import { RESERVED_PLUGIN_IDS } from "./identifiers.ts";
import { JSON_MAX_DEPTH, jsonPointer, readJson, RESERVED_KEYS } from "./json-text.ts";
import { LIMITS, PACKAGE_LIMITS, type LimitName } from "./limits.ts";
import { isReservedModuleName, MODULE_NAME_PATTERN } from "./linking.ts";
import { closedObject, distinct, functionName, list, pattern, pluginId, record, text } from "./manifest-fields.ts";
import { comparator, endpoint, hook, incomingWebhook, lifecycle, middleware, shapeOf } from "./manifest-offers.ts";
import { descriptionIssues } from "./payloads/description-rules.ts";
import { functionDescriptions, messageDescription, sharedTypes } from "./payloads/payload-fields.ts";
import { TOPIC_FILTER_PATTERN, TOPIC_LENGTH } from "./topics.ts";
import { parseRange, parseVersion } from "./version.ts";

/**
 * The manifest of a package, `manifest.json`: what a plugin is, offers, needs and asks for. The schema is published as
 * `manifest.schema.json`. What depends on the module or on who uploads is checked by the upload, not here.
 */

export const MANIFEST_FILE = "manifest.json";
export const DEFAULT_MODULE_FILE = "plugin.wasm";

const CONFIG_SCHEMA_MAX_BYTES = 64 * 1024;
const CONFIG_SCHEMA_MAX_DEPTH = 16;

export const PLUGIN_TYPES = ["processor", "connector", "analyzer", "utility"] as const;
/** Capabilities whose requests can be narrowed to hosts. */
const HOST_CAPABILITIES: ReadonlySet<string> = new Set(["http", "webhooks"]);

const SLUG = /^[a-z0-9]+(-[a-z0-9]+)*$/;
const SERVICE = /^[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)*$/;
const HOST = /^(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?(:[0-9]{1,5})?$/;
const MODULE_PATH = /^(?!.*(^|\/)\.{1,2}(\/|$))[A-Za-z0-9_.-]+(\/[A-Za-z0-9_.-]+)*\.wasm$/;

const range = v.pipe(
  text(256),
  v.check((value) => parseRange(value) !== undefined, "must be a semantic version range such as `^1.2.0`"),
);
export const topic = pattern(
  TOPIC_FILTER_PATTERN,
  "must be a topic such as `orders.created`, or have `*` for words after the first",
  TOPIC_LENGTH,
);
export const service = pattern(SERVICE, "must be a service name such as `mail.send`", 128);
const url = v.pipe(
  text(2_048),
  v.check((value) => /^https?:\/\//.test(value) && URL.canParse(value), "must be an http or https URL"),
);

const modulePath = pattern(
  MODULE_PATH,
  "must be a relative path in the package that ends in `.wasm`",
  PACKAGE_LIMITS.pathBytes,
);
const moduleName = v.pipe(
  pattern(
    MODULE_NAME_PATTERN,
    "must begin with a letter or digit and have up to 64 of letters, digits and `_.:/-`",
    64,
  ),
  v.check((name) => !isReservedModuleName(name), "is reserved: it is the host's, or the main module's own"),
);
const filePattern = v.pipe(
  text(PACKAGE_LIMITS.pathBytes),
  v.check(
    (value) => parseFilePattern(value) !== undefined,
    "must be a relative path in the package; a name may have one `*`, and `/` or `/**` at the end means all below",
  ),
);

const capability = v.pipe(
  text(64),
  v.check(
    (name) => capabilityNamed(name) !== undefined,
    (issue) => `is not a capability: ${JSON.stringify(issue.input)}; there are ${CAPABILITY_NAMES.join(", ")}`,
  ),
);
export const hostPattern = pattern(
  HOST,
  "must be a lower-case host name such as `api.example.com` or `*.example.com`",
  260,
);

/** Amounts by name of quota; which names there are depends on the capability. */
export const quotas = record(
  text(64),
  v.pipe(v.number("must be a number"), v.integer("must be a whole number"), v.minValue(0, "must be 0 or more")),
  20,
);

const permission = v.pipe(
  v.union(
    [
      capability,
      v.pipe(
        closedObject({
          capability,
          reason: v.exactOptional(text(500)),
          hosts: v.exactOptional(list(hostPattern, 100)),
          quotas: v.exactOptional(quotas),
        }),
        v.check(
          (asked) => asked.hosts === undefined || HOST_CAPABILITIES.has(capabilityNamed(asked.capability) ?? ""),
          `may have hosts only for ${[...HOST_CAPABILITIES].join(" and ")}`,
        ),
        v.rawCheck(({ dataset, addIssue }) => {
          const asked = dataset.typed ? dataset.value : undefined;
          const named = asked && capabilityNamed(asked.capability);
          if (!named || !asked.quotas) return;
          for (const [name, message] of quotaProblems(named, asked.quotas)) {
            addIssue({ message, path: [quotaPath(asked, "quotas"), quotaPath(asked.quotas, name)] });
          }
        }),
      ),
    ],
    "must be a capability name, or an object with `capability`, `reason`, `hosts` and `quotas`",
  ),
  v.transform((asked) => {
    const request = typeof asked === "string" ? { capability: asked } : asked;
    // The check above has refused names without a capability.
    return { ...request, capability: capabilityNamed(request.capability) ?? CAPABILITY_NAMES[0] ?? "http" };
  }),
);

function quotaPath(input: Readonly<Record<string, unknown>>, key: string): v.ObjectPathItem {
  return { type: "object", origin: "value", input, key, value: input[key] };
}

function limit(name: LimitName) {
  const { maximum, unit } = LIMITS[name];
  const bounds = `must be a whole number of ${unit} from 0 to ${maximum}`;
  const found = (issue: v.BaseIssue<unknown>): string => `${bounds}, found ${String(issue.input)}`;
  return v.exactOptional(v.pipe(v.number(bounds), v.integer(found), v.minValue(0, found), v.maxValue(maximum, found)));
}

const limits = closedObject(
  Object.fromEntries(Object.keys(LIMITS).map((name) => [name, limit(name as LimitName)])) as {
    [Name in LimitName]: ReturnType<typeof limit>;
  }, // Object.keys and Object.fromEntries lose the key type
);

const configSchema = v.pipe(
  v.record(v.string(), v.unknown(), "must be a JSON Schema object"),
  v.check((schema) => !Array.isArray(schema), "must be a JSON Schema object"),
  v.check(
    (schema) => schema["type"] === undefined || schema["type"] === "object",
    "must describe an object: `type` must be `object`",
  ),
  v.check(
    (schema) => depthOf(schema) <= CONFIG_SCHEMA_MAX_DEPTH,
    `must not be nested deeper than ${CONFIG_SCHEMA_MAX_DEPTH} levels`,
  ),
  v.check(
    (schema) => new TextEncoder().encode(JSON.stringify(schema)).length <= CONFIG_SCHEMA_MAX_BYTES,
    `must not be larger than ${CONFIG_SCHEMA_MAX_BYTES} bytes`,
  ),
  v.rawCheck(({ dataset, addIssue }) => {
    // What is too deep or too large was refused above, and is not walked again.
    if (!dataset.typed || dataset.issues) return;
    for (const { path, message } of configSchemaIssues(dataset.value)) {
      addIssue({ message, path: issuePath(dataset.value, namesOf(path)) });
    }
  }),
);

const settingPath = v.pipe(
  pattern(
    /^(\/([^~/]|~[01])+)+$/,
    "must be a JSON pointer to a setting, such as `/smtp/host`",
    MIGRATION_LIMITS.pointerLength,
  ),
  v.check((pointer) => !namesOf(pointer).some((name) => RESERVED_KEYS.has(name)), "must not name a reserved key"),
);
const settingName = v.pipe(
  text(128),
  v.check((name) => !RESERVED_KEYS.has(name), "must not be a reserved key"),
);
const configOperation = v.variant(
  "op",
  [
    closedObject({ op: v.literal("rename"), path: settingPath, to: settingName }),
    closedObject({ op: v.literal("move"), from: settingPath, path: settingPath }),
    closedObject({ op: v.literal("remove"), path: settingPath }),
    closedObject({ op: v.literal("set"), path: settingPath, value: v.unknown() }),
  ],
  "must have an `op`: rename, move, remove or set",
);
const configMigration = closedObject({
  from: range,
  operations: list(configOperation, MIGRATION_LIMITS.operations),
});

export const ManifestSchema = closedObject({
  $schema: v.exactOptional(text(2_048)),
  id: v.pipe(
    pluginId,
    v.check((id) => !RESERVED_PLUGIN_IDS.has(id), "is reserved: it is a word of the API's paths"),
  ),
  name: text(100),
  version: v.pipe(
    text(128),
    v.check((version) => parseVersion(version) !== undefined, "must be a semantic version 2.0.0 such as `1.4.0`"),
  ),
  description: text(2_000),
  author: closedObject({
    name: text(100),
    email: v.exactOptional(v.pipe(text(254), v.email("must be an e-mail address"))),
    url: v.exactOptional(url),
  }),
  license: v.exactOptional(text(100)),
  homepage: v.exactOptional(url),
  type: v.picklist(PLUGIN_TYPES, `must be one of ${PLUGIN_TYPES.join(", ")}`),
  category: pattern(SLUG, "must be lower-case words joined by `-`", 50),
  tags: v.exactOptional(distinct(list(pattern(SLUG, "must be lower-case words joined by `-`", 50), 20), String), []),
  wasm: v.exactOptional(modulePath, DEFAULT_MODULE_FILE),
  modules: v.exactOptional(
    distinct(
      list(closedObject({ name: moduleName, wasm: modulePath }), PACKAGE_LIMITS.linkedModules),
      (entry) => entry.name,
    ),
    [],
  ),
  files: v.exactOptional(distinct(list(filePattern, 50), String), []),
  defaultFunction: v.exactOptional(functionName),
  functions: v.exactOptional(functionDescriptions),
  types: v.exactOptional(sharedTypes),
  permissions: v.exactOptional(
    distinct(list(permission, 50), (asked) => asked.capability),
    [],
  ),
  hooks: v.exactOptional(
    distinct(list(hook, 50), (entry) => `${entry.name} ${entry.function}`),
    [],
  ),
  middleware: v.exactOptional(
    distinct(list(middleware, 20), (entry) => `${entry.point} ${entry.function}`),
    [],
  ),
  lifecycle: v.exactOptional(lifecycle, {}),
  comparison: v.exactOptional(record(functionName, comparator, 100)),
  dependencies: v.exactOptional(record(pluginId, range, 50), {}),
  limits: v.exactOptional(limits, {}),
  api: v.exactOptional(
    closedObject({ endpoints: distinct(list(endpoint, 100), (entry) => `${entry.method} ${shapeOf(entry.path)}`) }),
  ),
  webhooks: v.exactOptional(closedObject({ incoming: distinct(list(incomingWebhook, 20), (entry) => entry.name) })),
  config: v.exactOptional(configSchema),
  configMigrations: v.exactOptional(list(configMigration, MIGRATION_LIMITS.migrations)),
  events: v.exactOptional(
    closedObject({
      publishes: v.exactOptional(distinct(list(topic, 100), String), []),
      subscribes: v.exactOptional(
        distinct(
          list(closedObject({ topic, function: functionName }), 100),
          (entry) => `${entry.topic} ${entry.function}`,
        ),
        [],
      ),
      messages: v.exactOptional(record(topic, messageDescription, 100)),
    }),
    { publishes: [], subscribes: [] },
  ),
  services: v.exactOptional(
    closedObject({
      provides: v.exactOptional(
        distinct(list(closedObject({ name: service, function: functionName }), 50), (entry) => entry.name),
        [],
      ),
      requires: v.exactOptional(
        distinct(
          list(
            closedObject({ name: service, optional: v.exactOptional(v.boolean("must be true or false"), false) }),
            50,
          ),
          (entry) => entry.name,
        ),
        [],
      ),
    }),
    { provides: [], requires: [] },
  ),
  engines: v.exactOptional(closedObject({ patchbay: v.exactOptional(range) }), {}),
});

/** A manifest as written, with defaults filled in and permissions under their canonical names. */
export type Manifest = v.InferOutput<typeof ManifestSchema>;

/**
 * Checks a parsed manifest.
 *
 * @throws PlatformError MANIFEST_INVALID with every problem and its JSON pointer
 */
export function parseManifest(value: unknown): Manifest {
  const result = v.safeParse(ManifestSchema, value);
  if (!result.success) throw manifestInvalid(result.issues.flatMap(readIssue));
  const issues = [...unsealedSecrets(result.output), ...descriptionIssues(result.output)];
  if (issues.length > 0) throw manifestInvalid(issues);
  return result.output;
}

/** What signs webhooks must be kept as a secret: a setting of the configuration's first level that its schema marks as one. */
function unsealedSecrets({ webhooks, config }: Manifest): Issue[] {
  const properties = (config?.["properties"] ?? {}) as Readonly<Record<string, SchemaObject>>; // checked as JSON Schema
  return (webhooks?.incoming ?? []).flatMap(({ secret }, index) => {
    const schema = Object.hasOwn(properties, secret) ? properties[secret] : undefined;
    if (schema && isSecret(schema)) return [];
    const path = `/webhooks/incoming/${index}/secret`;
    return [{ path, message: `must name a setting that \`config\` marks as secret; found ${JSON.stringify(secret)}` }];
  });
}

/**
 * Reads and checks the bytes of a `manifest.json`.
 *
 * @throws PlatformError MANIFEST_INVALID with every problem and its JSON pointer
 */
export function parseManifestText(bytes: Uint8Array): Manifest {
  if (bytes.length > PACKAGE_LIMITS.manifestBytes) {
    throw new PlatformError(
      "MANIFEST_INVALID",
      `The manifest has ${bytes.length} bytes; the limit is ${PACKAGE_LIMITS.manifestBytes}.`,
      { limit: { name: "manifestBytes", used: bytes.length, allowed: PACKAGE_LIMITS.manifestBytes } },
    );
  }
  const reading = readJson(bytes);
  if ("issues" in reading) throw manifestInvalid(reading.issues);
  return parseManifest(reading.value);
}

/** The error that lists the problems of a manifest. */
export function manifestInvalid(issues: readonly Issue[]): PlatformError {
  const [first] = issues;
  const where = first?.path ? `at ${first.path}: ` : "";
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : "";
  return new PlatformError("MANIFEST_INVALID", `The manifest is not valid: ${where}${first?.message ?? ""}${more}.`, {
    issues,
  });
}

/** A union's own issue says nothing of what is wrong inside the branch that fits; that branch's issues do. */
function readIssue(issue: v.BaseIssue<unknown>): Issue[] {
  const path = issue.path?.map((item) => item.key) ?? [];
  if (issue.type === "union" && issue.issues && typeof issue.input === "object") {
    const fitting = issue.issues.filter((inner) => inner.expected !== "string" || inner.path !== undefined);
    return fitting.map((inner) => ({
      path: jsonPointer([...path, ...(inner.path?.map((item) => item.key) ?? [])]),
      message: messageOf(inner),
    }));
  }
  return [{ path: jsonPointer(path), message: messageOf(issue) }];
}

function messageOf(issue: v.BaseIssue<unknown>): string {
  const missing = issue.kind === "schema" && issue.received === "undefined";
  return missing ? "is required" : issue.message;
}

/** Path of an issue below a record, as valibot has it. */
function issuePath(
  root: Record<string, unknown>,
  names: readonly string[],
): [v.IssuePathItem, ...v.IssuePathItem[]] | undefined {
  let input: unknown = root;
  const items = names.map((key): v.UnknownPathItem => {
    const value: unknown = typeof input === "object" && input !== null ? Reflect.get(input, key) : undefined;
    const item = { type: "unknown", origin: "value", input, key, value } as const;
    input = value;
    return item;
  });
  const [first, ...rest] = items;
  return first && [first, ...rest];
}

function depthOf(value: unknown): number {
  let depth = 0;
  for (let level: unknown[] = [value]; level.length > 0 && depth <= JSON_MAX_DEPTH; depth++) {
    level = level.flatMap((item) => (typeof item === "object" && item !== null ? Object.values(item) : []));
  }
  return depth - 1;
}
