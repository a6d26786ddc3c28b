/** What a plugin consists of beside its main module: stored at upload, carried by the snapshot, loaded into the isolate. */

/** A stored object; the digest is SHA-256, hexadecimal. */
export interface StoredPart {
  readonly digest: string;
  readonly bytes: number;
}

export interface NamedPart extends StoredPart {
  readonly name: string;
}

export interface PluginParts {
  /** SHA-256 of everything below, hexadecimal: what stands for it in the identity of an isolate. */
  readonly digest: string;
  /** All modules in the order of instantiation, the main one among them; empty where it stands alone. */
  readonly modules: readonly NamedPart[];
  /** For imports in a circle (linking.ts); null where there are none. */
  readonly relay: StoredPart | null;
  /** Pages by which the memories of all modules may grow together. */
  readonly sparePages: number;
  /** Blob of package-files.ts; null where the plugin may read no files. */
  readonly files: StoredPart | null;
}
