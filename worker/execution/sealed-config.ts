import { flatten, unflatten, type FlatConfig } from "../../sdk/contract/config/flat-config.ts";
import { namesOf, withValueAt, type JsonValue } from "../../sdk/contract/config/json-values.ts";
import type { SealedValue } from "../../sdk/contract/config/sealed-value.ts";
import type { Environment } from "../../sdk/contract/config/environments.ts";
import { PlatformError } from "../../sdk/contract/errors.ts";
import { open, seal } from "../lib/envelope.ts";
import { keyOf, parseKeyRing, type KeyRing } from "../lib/key-ring.ts";
import type { SnapshotInstall } from "./snapshot.ts";

/**
 * Secrets of configurations. Each value is sealed by itself; it lies so in D1 and in the snapshot, and is opened where a
 * call is made. Nothing here writes it anywhere else.
 */

/** Whose secret it is and where it belongs: authenticated, so that it opens in no other place. */
export interface SecretPlace {
  readonly tenantId: string;
  readonly installId: string;
  readonly environment: Environment;
  /** JSON pointer into the configuration. */
  readonly pointer: string;
}

/** @throws {PlatformError} NOT_READY where the secret CONFIG_KEYS is not valid */
export function configKeyRing(secret: string | undefined): KeyRing {
  return parseKeyRing("CONFIG_KEYS", secret);
}

/** @param randomBytes  must be cryptographic */
export async function sealSecret(
  ring: KeyRing,
  place: SecretPlace,
  value: JsonValue,
  updatedAt: number,
  randomBytes: (length: number) => Uint8Array,
): Promise<SealedValue> {
  const content = Uint8Array.from(new TextEncoder().encode(JSON.stringify(value)));
  const bytes = await seal(content, ringKey(ring, ring.current), contextOf(place), randomBytes);
  const sealed = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  return { key: ring.current, sealed, environment: place.environment, updatedAt };
}

/** @throws {PlatformError} CONFIG_KEY_UNKNOWN, CONFIG_UNREADABLE */
export async function openSecret(
  ring: KeyRing,
  place: Omit<SecretPlace, "environment">,
  secret: SealedValue,
): Promise<JsonValue> {
  const key = ringKey(ring, secret.key);
  try {
    const sealed = Uint8Array.from(atob(secret.sealed), (character) => character.charCodeAt(0));
    const content = await open(sealed, key, contextOf({ ...place, environment: secret.environment }));
    return JSON.parse(new TextDecoder().decode(content)) as JsonValue; // authenticated as written by sealSecret
  } catch (cause) {
    const where = `The secret ${place.pointer} of install ${place.installId}`;
    throw new PlatformError("CONFIG_UNREADABLE", `${where} is not what was stored: it fails authentication.`, {
      cause,
    });
  }
}

function ringKey(ring: KeyRing, id: string): Uint8Array<ArrayBuffer> {
  return keyOf(ring, id, { code: "CONFIG_KEY_UNKNOWN", what: "A secret of the configuration" });
}

function contextOf({ tenantId, installId, environment, pointer }: SecretPlace): readonly string[] {
  return ["patchbay configuration", tenantId, installId, environment, pointer];
}

/** Opened configurations kept in memory; past that the one opened first goes. */
const CAPACITY = 500;

/** Configurations that this worker isolate has opened. One per worker isolate, shared by all requests. */
export class OpenedConfigs {
  readonly #opened = new Map<string, FlatConfig>();

  get(key: string): FlatConfig | undefined {
    return this.#opened.get(key);
  }

  set(key: string, config: FlatConfig): void {
    const oldest = this.#opened.keys().next();
    if (this.#opened.size >= CAPACITY && !oldest.done) this.#opened.delete(oldest.value);
    this.#opened.set(key, config);
  }
}

/** Gives calls the configuration of their install, with its secrets opened. */
export class ConfigOpener {
  readonly #secret: string | undefined;
  readonly #opened: OpenedConfigs;

  /** @param secret  CONFIG_KEYS; read when the first secret is opened */
  constructor(secret: string | undefined, opened: OpenedConfigs) {
    this.#secret = secret;
    this.#opened = opened;
  }

  /**
   * Touches no store. Secrets are opened once for each version, revision and worker isolate.
   *
   * @throws {PlatformError} CONFIG_KEY_UNKNOWN, CONFIG_UNREADABLE; NOT_READY where the key ring is not valid
   */
  open(tenantId: string, install: SnapshotInstall): FlatConfig | Promise<FlatConfig> {
    const sealed = { texts: install.config, jsonNames: install.configJsonNames ?? [] };
    const secrets = Object.entries(install.secrets ?? {});
    if (secrets.length === 0) return sealed;
    const key = [tenantId, install.installId, install.version, install.configRevision].join(" ");
    return this.#opened.get(key) ?? this.#openAll(tenantId, install.installId, key, sealed, secrets);
  }

  async #openAll(
    tenantId: string,
    installId: string,
    key: string,
    sealed: FlatConfig,
    secrets: readonly [string, SealedValue][],
  ): Promise<FlatConfig> {
    const ring = configKeyRing(this.#secret);
    const values = await Promise.all(
      secrets.map(async ([pointer, secret]) => {
        return [pointer, await openSecret(ring, { tenantId, installId, pointer }, secret)] as const;
      }),
    );
    const whole = values.reduce(
      (config, [pointer, value]) => withValueAt(config, namesOf(pointer), value),
      unflatten(sealed),
    );
    const opened = flatten(whole);
    this.#opened.set(key, opened);
    return opened;
  }
}
