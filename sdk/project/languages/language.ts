import type { PluginDescription } from "../../builder/description.ts";
import type { Requirement } from "./requirement.ts";

/**
 * A language that plugins are written in: how its projects are known, what they are compiled with, and how. A file of this folder
 * exports one, and the table in languages.ts names it; what is around it (the manifest, the commands, the templates' tests) follows.
 */
export interface Language {
  /** As on the command line and in reports: `assemblyscript`. */
  readonly name: string;
  /** For people: `AssemblyScript`. */
  readonly title: string;
  /**
   * Files that say a project is of this language, relative to its folder; the first that is there is the entry. No file is in the
   * lists of two languages.
   */
  readonly entries: readonly string[];
  /** What has to be on the machine. Empty where the SDK brings everything. */
  readonly requirements: readonly Requirement[];
  /**
   * Compiles a project into one module, as an upload takes it. Writes nothing into the project's folder; what the compiler needs
   * to write goes to a folder of `inScratch`.
   *
   * @throws {UserError} where a requirement is missing (`findCompiler` throws it) and for what does not compile, with the compiler's
   *   own lines as its detail
   */
  build(source: Source, options: LanguageOptions): Promise<CompiledModule>;
  /**
   * What the code says of hooks, functions and so on, without compiling it. Absent where only the manifest says it.
   *
   * @throws {UserError} as `build` does
   */
  readonly describe?: (source: Source) => Promise<PluginDescription>;
}

/** What is compiled. */
export interface Source {
  /** Absolute, as is `entry`. */
  readonly folder: string;
  readonly entry: string;
}

export interface LanguageOptions {
  /** Whether the plugin may evaluate code at run time; only TypeScript asks. */
  readonly withParser: boolean;
}

export interface CompiledModule {
  readonly wasm: Uint8Array;
  /** Source map (version 3, as text) of the places in errors, where the language has one. */
  readonly map?: string;
  /** What the code says of hooks, endpoints, services and so on. Without it the author's manifest says it. */
  readonly description?: PluginDescription;
  /** A sentence each. */
  readonly warnings: readonly string[];
  /** Files that it was made of, absolute: the author's, for `dev` to watch. */
  readonly inputs: readonly string[];
  /** Size of the program inside the module, where the language has one. */
  readonly bundleBytes?: number;
}
