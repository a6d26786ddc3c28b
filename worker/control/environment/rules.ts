/** What a deployment is made of, and whether it fits the data it finds. Ids of keys, never keys. */

export const KEY_RINGS = ["RECORDING_KEYS", "CONFIG_KEYS", "DATA_KEYS", "BACKUP_KEYS"] as const;
export type KeyRingName = (typeof KEY_RINGS)[number];

export interface RingIds {
  readonly current: string;
  readonly ids: readonly string[];
}

export interface Fingerprint {
  /** Version of the worker; null where the runtime does not say. */
  readonly worker: string | null;
  /** Digest of the runtime's compatibility flags, which follow from the compatibility date. */
  readonly compatibility: string;
  readonly environment: string;
  readonly bindings: readonly string[];
  readonly schema: {
    /** Last migration that the code needs. */
    readonly expected: string;
    /** Last migration that the database has. */
    readonly applied: string | null;
  };
  /** Without those that are not valid. */
  readonly keys: Partial<Readonly<Record<KeyRingName, RingIds>>>;
}

/** What the data say. */
export interface EnvironmentFacts {
  readonly applied: readonly string[];
  /** Migrations that this build knows. */
  readonly known: readonly string[];
  /** Keys that sealed what is stored, by ring, as far as the database shows. */
  readonly usedKeys: Partial<Readonly<Record<KeyRingName, readonly string[]>>>;
  /** Deployments seen before, newest first. */
  readonly earlier: readonly Fingerprint[];
}

export interface Finding {
  readonly probe: string;
  /** True where writing could do damage. */
  readonly danger: boolean;
  readonly detail: string;
}

interface EnvironmentProbe {
  readonly name: string;
  readonly title: string;
  readonly danger: boolean;
  /** @returns what is amiss; undefined: nothing */
  readonly check: (found: Fingerprint, facts: EnvironmentFacts) => string | undefined;
}

export const ENVIRONMENT_PROBES: readonly EnvironmentProbe[] = [
  {
    name: "schema-behind",
    title: "the database lacks a migration that the code needs",
    danger: true,
    check: ({ schema }, { applied }) =>
      applied.includes(schema.expected) ? undefined : `migration ${schema.expected} is not applied`,
  },
  {
    // An older build beside a newer one: migrations only add, so that it goes on working.
    name: "schema-ahead",
    title: "the database has migrations that the code does not know, as beside a newer deployment",
    danger: false,
    check: (_, { applied, known }) => {
      const unknown = applied.filter((name) => !known.includes(name));
      return unknown.length > 0
        ? `the database has ${unknown.length} migrations that this build does not know`
        : undefined;
    },
  },
  {
    name: "key-ring-invalid",
    title: "a secret with keys cannot be read",
    danger: true,
    check: ({ keys }) => {
      const invalid = KEY_RINGS.filter((name) => keys[name] === undefined);
      return invalid.length > 0 ? `${invalid.join(", ")} cannot be read` : undefined;
    },
  },
  {
    name: "key-missing",
    title: "a key is gone that sealed configurations, webhooks' secrets or what plugins store",
    danger: true,
    check: (found, facts) =>
      missingKeys(found, (ring) => [
        ...(facts.usedKeys[ring] ?? []),
        // Of what plugins stored only this is known: the ring's current key sealed it.
        ...(ring === "DATA_KEYS" ? earlierKeys(facts, ring) : []),
      ]),
  },
  {
    // Recordings and backups sealed with it cannot be opened; nothing that is written suffers.
    name: "old-key-missing",
    title: "a key is gone that sealed recordings or backups",
    danger: false,
    check: (found, facts) =>
      missingKeys(found, (ring) =>
        ring === "RECORDING_KEYS" || ring === "BACKUP_KEYS" ? earlierKeys(facts, ring) : [],
      ),
  },
  {
    // An older build beside a newer one may lack what the newer one brought; code that needs a binding says so itself.
    name: "binding-missing",
    title: "a binding is gone that the deployment seen last has",
    danger: false,
    check: ({ bindings }, { earlier: [last] }) => {
      const gone = (last?.bindings ?? []).filter((name) => !bindings.includes(name));
      return gone.length > 0 ? `bindings are gone: ${gone.join(", ")}` : undefined;
    },
  },
];

function earlierKeys({ earlier }: EnvironmentFacts, ring: KeyRingName): string[] {
  return earlier.flatMap(({ keys }) => keys[ring]?.current ?? []);
}

function missingKeys({ keys }: Fingerprint, neededOf: (ring: KeyRingName) => readonly string[]): string | undefined {
  const missing = KEY_RINGS.flatMap((ring) => {
    const has = keys[ring]?.ids;
    const needed = has ? [...new Set(neededOf(ring))].filter((id) => !has.includes(id)) : [];
    return needed.map((id) => `${ring} lacks key "${id}"`);
  });
  return missing.length > 0 ? missing.join(", ") : undefined;
}

/** Holds a deployment against the data. */
export function judge(found: Fingerprint, facts: EnvironmentFacts): Finding[] {
  return ENVIRONMENT_PROBES.flatMap(({ name, danger, check }) => {
    const detail = check(found, facts);
    return detail === undefined ? [] : [{ probe: name, danger, detail }];
  });
}

/** Names of what differs from the deployment before; all where there was none. */
export function changedParts(found: Fingerprint, before: Fingerprint | undefined): string[] {
  const names = Object.keys(found) as (keyof Fingerprint)[]; // Object.keys loses the key type
  return names.filter((name) => JSON.stringify(found[name]) !== JSON.stringify(before?.[name]));
}
