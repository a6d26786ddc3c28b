import { PlatformError } from "../../../sdk/contract/errors.ts";

/** Notes of packages whose modules were rewritten for profiling: R2 objects by the digest of what they were made from. */

export interface ProfiledPackage {
  /** The main module first, as profiles number their functions. */
  readonly modules: readonly ProfiledModule[];
}

export interface ProfiledModule {
  /** In its package; see sdk/contract/linking.ts. */
  readonly name: string;
  /** SHA-256 of the module as rewritten for profiling, hexadecimal. */
  readonly digest: string;
  /** Of all functions, imported ones first. */
  readonly names: readonly string[];
  readonly importedFunctions: number;
  /** Path in the package of the source map that was used. */
  readonly sourceMap: string | null;
  readonly files: readonly string[];
  /** Two for each function with a body; none without a source map. See source-map-rules.ts. */
  readonly places: readonly number[];
}

export function profileKey(key: string): string {
  return `profiles/${key}.json`;
}

/** @throws {PlatformError} MODULE_UNAVAILABLE where the store does not answer */
export async function findProfiledPackage(bucket: R2Bucket, key: string): Promise<ProfiledPackage | undefined> {
  try {
    const object = await bucket.get(profileKey(key));
    return object ? await object.json<ProfiledPackage>() : undefined;
  } catch (cause) {
    throw new PlatformError("MODULE_UNAVAILABLE", "The plugin's profiled module could not be looked up.", { cause });
  }
}

export async function keepProfiledPackage(bucket: R2Bucket, key: string, made: ProfiledPackage): Promise<void> {
  await bucket.put(profileKey(key), JSON.stringify(made), { httpMetadata: { contentType: "application/json" } });
}
