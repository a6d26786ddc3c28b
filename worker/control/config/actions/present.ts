import { configSchemaIssues } from "../../../../sdk/contract/config/check-schema.ts";
import { ENVIRONMENTS, type Environment } from "../../../../sdk/contract/config/environments.ts";
import {
  isSameJson,
  namesOf,
  withValueAt,
  type JsonObject,
  type JsonValue,
} from "../../../../sdk/contract/config/json-values.ts";
import type { SealedValue } from "../../../../sdk/contract/config/sealed-value.ts";
import { readSchemaFacts } from "../../../../sdk/contract/config/schema-facts.ts";
import type { SchemaObject } from "../../../../sdk/contract/config/schema-parts.ts";
import { PlatformError } from "../../../../sdk/contract/errors.ts";
import { manifestInvalid, type Manifest } from "../../../../sdk/contract/manifest.ts";
import type { Deps } from "../../../deps.ts";
import { configKeyRing, openSecret, sealSecret } from "../../../execution/sealed-config.ts";
import type { Install } from "../../installs/schema.ts";
import { getManifest } from "../../plugins/store.ts";
import type { SealedDocument, SealedSecrets } from "../configuration-record.ts";
import { splitSecrets, type OpenDocument } from "../document-rules.ts";

export interface SealingDeps extends Pick<Deps, "db" | "clock" | "randomBytes"> {
  readonly env: Pick<Env, "CONFIG_KEYS">;
}

/** What a version says of configurations. */
export interface VersionConfig {
  readonly manifest: Manifest;
  /** Undefined where the plugin takes whatever it is given. */
  readonly schema: SchemaObject | undefined;
  /** Pointers of secrets. */
  readonly secrets: readonly string[];
}

/** @throws {PlatformError} VERSION_NOT_FOUND; MANIFEST_INVALID where an old upload has a schema that cannot be used */
export async function readVersionConfig(deps: Pick<Deps, "db">, versionId: string): Promise<VersionConfig> {
  const manifest = await getManifest(deps.db, versionId);
  if (!manifest) throw new PlatformError("VERSION_NOT_FOUND", "The installed version is not there any more.");
  const schema = manifest.config;
  const issues = schema === undefined ? [] : configSchemaIssues(schema);
  if (issues.length > 0) {
    throw manifestInvalid(issues.map(({ path, message }) => ({ path: `/config${path}`, message })));
  }
  return { manifest, schema, secrets: schema === undefined ? [] : readSchemaFacts(schema).secrets };
}

/** The install's configuration with its secrets in their places; for memory only. */
export async function openDocument(deps: SealingDeps, install: Install): Promise<OpenDocument> {
  const { values, secrets } = install.configuration;
  const present = ENVIRONMENTS.filter((environment) => values[environment] ?? secrets[environment]);
  const opened = await Promise.all(
    present.map(async (environment) => {
      const config = await openAll(deps, install, values[environment] ?? {}, secrets[environment] ?? {});
      return [environment, config] as const;
    }),
  );
  return Object.fromEntries(opened);
}

async function openAll(
  deps: SealingDeps,
  { tenantId, id: installId }: Install,
  values: JsonObject,
  secrets: SealedSecrets,
): Promise<JsonObject> {
  const sealed = Object.entries(secrets);
  if (sealed.length === 0) return values;
  const ring = configKeyRing(deps.env.CONFIG_KEYS);
  const opened = await Promise.all(
    sealed.map(async ([pointer, secret]) => {
      return [pointer, await openSecret(ring, { tenantId, installId, pointer }, secret)] as const;
    }),
  );
  return opened.reduce((config, [pointer, value]) => withValueAt(config, namesOf(pointer), value), values);
}

/**
 * Takes the secrets out of a configuration and seals them. One that did not change stays as it was sealed, unless the
 * key that sealed it is no longer the current one.
 *
 * @param known  the install's present configuration, as stored and opened
 */
export async function sealDocument(
  deps: SealingDeps,
  install: Pick<Install, "id" | "tenantId">,
  document: OpenDocument,
  pointers: readonly string[],
  known: { readonly document: SealedDocument; readonly opened: OpenDocument },
): Promise<SealedDocument> {
  const values: Partial<Record<Environment, JsonObject>> = {};
  const secrets: Partial<Record<Environment, SealedSecrets>> = {};
  for (const environment of ENVIRONMENTS) {
    const config = document[environment];
    if (config === undefined) continue;
    const split = splitSecrets(config, pointers);
    values[environment] = split.values;
    if (split.secrets.size === 0) continue;
    const before = splitSecrets(
      known.opened[environment] ?? {},
      Object.keys(known.document.secrets[environment] ?? {}),
    );
    const sealed = [...split.secrets].map(async ([pointer, value]) => {
      const stored = known.document.secrets[environment]?.[pointer];
      const isSame = stored !== undefined && isSameJson(before.secrets.get(pointer), value);
      const place = { tenantId: install.tenantId, installId: install.id, environment, pointer };
      return [pointer, await sealAgain(deps, place, value, isSame ? stored : undefined)] as const;
    });
    // oxlint-disable-next-line no-await-in-loop -- at most four environments, and one seldom has more than a few secrets
    secrets[environment] = Object.fromEntries(await Promise.all(sealed));
  }
  return { values, secrets };
}

async function sealAgain(
  deps: SealingDeps,
  place: Parameters<typeof sealSecret>[1],
  value: JsonValue,
  stored: SealedValue | undefined,
): Promise<SealedValue> {
  const ring = configKeyRing(deps.env.CONFIG_KEYS);
  if (stored?.key === ring.current) return stored;
  return sealSecret(ring, place, value, stored?.updatedAt ?? deps.clock.now(), deps.randomBytes);
}

/** True where every secret is sealed with the ring's current key. */
export function isSealedNow(deps: SealingDeps, { secrets }: SealedDocument): boolean {
  const sealed = Object.values(secrets).flatMap((group) => Object.values(group));
  return sealed.every(({ key }) => key === configKeyRing(deps.env.CONFIG_KEYS).current);
}
