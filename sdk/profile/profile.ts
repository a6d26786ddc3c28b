/** Where the fuel of one call went; docs/profiling.md says what each number means. */
export interface PluginProfile {
  /** Fuel in the tree: what the call used, up to the trap where it trapped. */
  readonly fuel: number;
  readonly truncated: boolean;
  /** By fuel of their own, the dearest first. */
  readonly functions: readonly ProfiledFrame[];
  readonly tree: ProfiledPath;
  /** The same tree as https://www.speedscope.app opens it. */
  readonly speedscope: object;
}

export interface ProfiledFrame {
  readonly name: string;
  /** Index in the module, null for what is no function. */
  readonly index: number | null;
  readonly self: number;
  readonly total: number;
  readonly calls: number;
}

export interface ProfiledPath extends ProfiledFrame {
  /** The dearest first. */
  readonly children: readonly ProfiledPath[];
}
