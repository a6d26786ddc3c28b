import { buildPlugin, describePlugin } from "../../builder/build-plugin.ts";
import { BuildError } from "../../packer/build-error.ts";
import { UserError } from "../user-error.ts";
import type { CompiledModule, Language, LanguageOptions, Source } from "./language.ts";

/** TypeScript and JavaScript with packages of npm, in the SDK's own engine. */
export const typescript: Language = {
  name: "typescript",
  title: "TypeScript",
  entries: ["src/plugin.ts", "src/index.ts", "plugin.ts"],
  requirements: [],
  build,
  describe: async ({ entry }) => await describePlugin(entry).catch(asUserError),
};

async function build({ entry }: Source, { withParser }: LanguageOptions): Promise<CompiledModule> {
  const built = await buildPlugin(entry, { withParser }).catch(asUserError);
  const { wasm, map, description, warnings, inputs, bundleBytes } = built;
  return { wasm, map, description, warnings, inputs, bundleBytes };
}

/** @throws always */
function asUserError(error: unknown): never {
  if (error instanceof BuildError) throw new UserError(error.message, error.detail.replace(/^[^\n]*\n?/, ""));
  throw error;
}
