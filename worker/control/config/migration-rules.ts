import { ENVIRONMENTS, type Environment } from "../../../sdk/contract/config/environments.ts";
import { namesOf, valueAt, withValueAt, type JsonObject } from "../../../sdk/contract/config/json-values.ts";
import {
  isTree,
  migrateConfig,
  migrationsFrom,
  withValue,
  type ConfigMigration,
  type ConfigTree,
} from "../../../sdk/contract/config/migrations.ts";
import type { Issue } from "../../../sdk/contract/errors.ts";
import { jsonPointer } from "../../../sdk/contract/json-text.ts";
import type { OpenDocument } from "./document-rules.ts";

/** A secret on its way through a migration, which carries it along as a whole. */
class CarriedSecret {
  readonly value: unknown;

  constructor(value: unknown) {
    this.value = value;
  }
}

export interface VersionStep {
  /** The version whose configuration it is. */
  readonly from: string;
  readonly migrations: readonly ConfigMigration[];
  /** Pointers of what is secret before and after. */
  readonly secretsBefore: Partial<Readonly<Record<Environment, readonly string[]>>>;
  readonly secretsAfter: readonly string[];
}

export type MigratedDocument = { readonly document: OpenDocument } | { readonly issues: readonly Issue[] };

/**
 * The configuration as another version would have it, by the migrations of that version's manifest.
 *
 * @returns the configuration, or why there is none: an operation that cannot be applied, or a secret that the version
 *   would no longer treat as one and so show
 */
export function migrateDocument(document: OpenDocument, step: VersionStep): MigratedDocument {
  const migrations = migrationsFrom(step.migrations, step.from);
  const issues: Issue[] = [];
  const migrated = new Map<Environment, JsonObject>();
  for (const environment of ENVIRONMENTS) {
    const config = document[environment];
    if (config === undefined) continue;
    const result = migrateConfig(carrySecrets(config, step.secretsBefore[environment] ?? []), migrations);
    if ("issue" in result) {
      issues.push(result.issue);
      continue;
    }
    const { plain, places } = unpack(result.config);
    issues.push(...shown(places, step.secretsAfter));
    migrated.set(environment, plain);
  }
  return issues.length > 0 ? { issues } : { document: Object.fromEntries(migrated) };
}

function carrySecrets(config: JsonObject, pointers: readonly string[]): ConfigTree {
  return pointers.reduce<ConfigTree>((tree, pointer) => {
    const value = valueAt(config, namesOf(pointer));
    return value === undefined ? tree : withValue(tree, namesOf(pointer), new CarriedSecret(value));
  }, config);
}

/** Puts secrets back as plain values, and says where they are. */
function unpack(tree: ConfigTree, at: readonly string[] = []): { plain: JsonObject; places: readonly string[] } {
  const places: string[] = [];
  let plain: JsonObject = {};
  for (const [name, value] of Object.entries(tree)) {
    const names = [...at, name];
    if (value instanceof CarriedSecret) {
      places.push(jsonPointer(names));
      plain = withValueAt(plain, [name], value.value as JsonObject[string]); // was taken from a configuration
    } else if (isTree(value)) {
      const inner = unpack(value, names);
      places.push(...inner.places);
      plain = withValueAt(plain, [name], inner.plain);
    } else {
      plain = withValueAt(plain, [name], value as JsonObject[string]); // part of parsed JSON
    }
  }
  return { plain, places };
}

function shown(places: readonly string[], secrets: readonly string[]): Issue[] {
  return places
    .filter((place) => !secrets.some((secret) => place === secret || place.startsWith(`${secret}/`)))
    .map((path) => ({
      path,
      message: "is a secret that the version would show, since its schema does not mark it as one",
    }));
}
