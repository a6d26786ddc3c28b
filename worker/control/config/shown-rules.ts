import { withDefaults } from "../../../sdk/contract/config/defaults.ts";
import { ENVIRONMENTS, type Environment } from "../../../sdk/contract/config/environments.ts";
import { namesOf, overlay, withValueAt, type JsonObject } from "../../../sdk/contract/config/json-values.ts";
import type { SchemaObject } from "../../../sdk/contract/config/schema-parts.ts";
import { secretsIn, type SealedDocument, type SealedSecrets } from "./configuration-record.ts";

/** Configurations as answers show them: of a secret no more than that it is set, and since when. */

/** Environments in which something is set. */
export function environmentsSet({ values, secrets }: SealedDocument): Environment[] {
  return ENVIRONMENTS.filter((environment) => {
    const count = Object.keys(values[environment] ?? {}).length + Object.keys(secrets[environment] ?? {}).length;
    return count > 0;
  });
}

export function shownValues(document: SealedDocument, environment: Environment): JsonObject {
  return withMarks(document.values[environment] ?? {}, document.secrets[environment] ?? {});
}

export function shownEffective(
  schema: SchemaObject | undefined,
  document: SealedDocument,
  environment: Environment,
): JsonObject {
  const base = document.values.default ?? {};
  const values = environment === "default" ? base : overlay(base, document.values[environment] ?? {});
  return withDefaults(schema, withMarks(values, secretsIn(document, environment)));
}

function withMarks(values: JsonObject, secrets: SealedSecrets): JsonObject {
  return Object.entries(secrets).reduce(
    (shown, [pointer, { updatedAt }]) => withValueAt(shown, namesOf(pointer), { set: true, updatedAt }),
    values,
  );
}
