import type { PluginDescription } from "../builder/description.ts";
import { capabilityNamed, type Capability } from "../contract/capabilities.ts";
import { PlatformError } from "../contract/errors.ts";
import { parseManifest, type Manifest } from "../contract/manifest.ts";
import { userFunction } from "../contract/user-functions.ts";
import { USER_MODULE } from "../contract/extism-abi.ts";
import type { ImportedFunction } from "./module-interface.ts";
import { UserError } from "./user-error.ts";

type JsonObject = Readonly<Record<string, unknown>>;

export interface CompletedManifest {
  /** As it is written beside the module. */
  readonly text: string;
  readonly manifest: Manifest;
  /** What the author may want to know, a sentence each. */
  readonly notes: readonly string[];
}

/** Of a language whose code says nothing of the manifest. */
const NOTHING_SAID: PluginDescription = {
  hooks: [],
  endpoints: [],
  services: [],
  subscribes: [],
  publishes: [],
  messages: {},
  lifecycle: {},
  functions: {},
  types: {},
};
const OPEN_CAPABILITIES: ReadonlySet<Capability> = new Set<Capability>(["http", "webhooks"]);

/**
 * Adds to the author's `manifest.json` what the plugin's code says: functions with their types, hooks, endpoints, services,
 * subscriptions, configuration, and the permissions of what it imports.
 *
 * @param authored  the author's manifest, parsed
 * @param description  undefined for a language whose code says nothing: then the author's manifest has hooks, endpoints and the rest
 * @throws {UserError} for what both say, and for every problem of the whole with its JSON pointer
 */
export function completeManifest(
  authored: JsonObject,
  description: PluginDescription = NOTHING_SAID,
  imports: readonly ImportedFunction[] = [],
): CompletedManifest {
  const events = objectAt(authored, "events");
  const services = objectAt(authored, "services");
  const needed = neededCapabilities(imports);
  const asked = listAt(authored, "permissions");
  const missing = needed.filter((capability) => !asked.some((entry) => askedCapability(entry) === capability));
  const { lifecycle, config } = description;
  const completed = {
    ...authored,
    ...joined("permissions", asked, missing),
    ...joined("hooks", listAt(authored, "hooks"), description.hooks),
    ...(description.endpoints.length > 0 ? { api: { endpoints: only(authored, "api", description.endpoints) } } : {}),
    ...(Object.keys(lifecycle).length > 0 ? { lifecycle: only(authored, "lifecycle", lifecycle) } : {}),
    ...(config ? { config: only(authored, "config", config) } : {}),
    ...eventsOf(events, description),
    ...describedParts("functions", objectAt(authored, "functions"), description.functions),
    ...describedParts("types", objectAt(authored, "types"), description.types),
    ...(description.services.length > 0
      ? { services: { ...services, provides: [...listAt(services, "provides"), ...description.services] } }
      : {}),
  };
  return {
    text: `${JSON.stringify(completed, undefined, 2)}\n`,
    manifest: checked(completed),
    notes: notesOn(missing),
  };
}

function eventsOf(authored: JsonObject, { subscribes, publishes, messages }: PluginDescription): JsonObject {
  const topics = listAt(authored, "publishes");
  const added = publishes.filter((topic) => !topics.includes(topic));
  const events = {
    ...joined("publishes", topics, added),
    ...joined("subscribes", listAt(authored, "subscribes"), subscribes),
    ...describedParts("messages", objectAt(authored, "messages"), messages),
  };
  return Object.keys(events).length > 0 ? { events: { ...authored, ...events } } : {};
}

/**
 * What the code says of each name, beside what the author says of it.
 *
 * @throws {UserError} where both say the same of one
 */
function describedParts(part: string, authored: JsonObject, added: Readonly<Record<string, object>>): JsonObject {
  const entries = Object.entries(added).map(([name, code]) => {
    const own = objectAt(authored, name);
    const twice = Object.keys(code).find((member) => Object.hasOwn(own, member));
    if (twice !== undefined) {
      throw new UserError(
        `Both manifest.json and the code say what \`${twice}\` of ${part}/${name} is: take it out of manifest.json.`,
      );
    }
    return [name, { ...own, ...code }] as const;
  });
  return entries.length > 0 ? { [part]: { ...authored, ...Object.fromEntries(entries) } } : {};
}

/** What a module's imports need, each once, in the order of the imports. */
export function neededCapabilities(imports: readonly ImportedFunction[]): Capability[] {
  const needed = imports
    .filter(({ module }) => module === USER_MODULE)
    .map(({ name }) => userFunction(name)?.capability)
    .filter((found) => found !== undefined);
  return [...new Set(needed)];
}

function notesOn(missing: readonly Capability[]): string[] {
  return missing.map((capability) => {
    const reach = OPEN_CAPABILITIES.has(capability)
      ? ", for any host: name the hosts in `permissions` of manifest.json to ask for less"
      : "";
    return `The plugin uses ${capability}, so the manifest asks for it${reach}.`;
  });
}

function checked(manifest: JsonObject): Manifest {
  try {
    return parseManifest(manifest);
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    const issues = error.issues ?? [];
    throw new UserError(
      "manifest.json is not valid.",
      issues.map(({ path, message }) => `${path === "" ? "/" : path}: ${message}`).join("\n"),
    );
  }
}

function askedCapability(entry: unknown): string | undefined {
  const name = typeof entry === "object" && entry !== null ? (entry as JsonObject)["capability"] : entry; // an object of JSON
  return typeof name === "string" ? capabilityNamed(name) : undefined;
}

/** Nothing where there is nothing, so that the manifest stays as short as its author made it. */
function joined(name: string, authored: readonly unknown[], added: readonly unknown[]): JsonObject {
  return added.length > 0 ? { [name]: [...authored, ...added] } : {};
}

function only<Value>(authored: JsonObject, name: string, described: Value): Value {
  if (authored[name] !== undefined) {
    throw new UserError(`Both manifest.json and the code say what \`${name}\` is: take it out of manifest.json.`);
  }
  return described;
}

function listAt(object: JsonObject, name: string): readonly unknown[] {
  const value = object[name];
  return Array.isArray(value) ? value : [];
}

function objectAt(object: JsonObject, name: string): JsonObject {
  const value = object[name];
  return typeof value === "object" && value !== null ? (value as JsonObject) : {}; // an object of JSON
}
