import { readFileSync } from "node:fs";
import { parseEnv } from "node:util";

/** What `wrangler.toml` says that a deployment needs. */
export interface Resources {
  readonly database: { readonly binding: string; readonly name: string };
  readonly buckets: readonly string[];
  readonly queues: readonly string[];
  readonly secrets: readonly string[];
}

/** The parts of wrangler's own configuration that are read here. */
export interface WranglerConfig {
  readonly d1_databases: readonly { readonly binding: string; readonly database_name?: string | undefined }[];
  readonly r2_buckets: readonly { readonly bucket_name?: string | undefined }[];
  readonly queues: {
    readonly producers?: readonly { readonly queue: string }[] | undefined;
    readonly consumers?: readonly { readonly queue: string }[] | undefined;
  };
  readonly secrets?: { readonly required?: readonly string[] | undefined } | undefined;
}

/** @throws {Error} where it names no database */
export function resourcesOf({ d1_databases, r2_buckets, queues, secrets }: WranglerConfig): Resources {
  const [database] = d1_databases;
  if (!database?.database_name) throw new Error("wrangler.toml names no database in [[d1_databases]].");
  const named = [...(queues.producers ?? []), ...(queues.consumers ?? [])].map(({ queue }) => queue);
  return {
    database: { binding: database.binding, name: database.database_name },
    buckets: r2_buckets.flatMap(({ bucket_name }) => (bucket_name === undefined ? [] : [bucket_name])),
    queues: [...new Set(named)],
    secrets: secrets?.required ?? [],
  };
}

/** @returns names of the secrets in a file, in either form that wrangler takes: JSON, or `NAME=value` lines */
export function secretsIn(file: string): readonly string[] {
  const text = readFileSync(file, "utf8");
  const values: unknown = text.trimStart().startsWith("{") ? JSON.parse(text) : parseEnv(text);
  return Object.keys(values as object); // both are objects
}
