import { MAIN_MODULE } from "../../sdk/contract/linking.ts";
import type { Limits } from "../../sdk/contract/limits.ts";
import type { CallProfile } from "../../sdk/contract/profile.ts";
import type { PluginProfile } from "../../sdk/profile/profile.ts";
import type { Compile } from "../../sdk/testing/production-program.ts";
import { speedscopeFile } from "../../worker/control/profiles/speedscope-report.ts";
import { functionsOf, isTruncated, treeOf, type FrameNames } from "../../worker/control/profiles/tree-report.ts";
import { readFunctionNames } from "../../worker/execution/metering/function-names.ts";
import profileKernel from "../../worker/execution/sandbox/profile-kernel.generated.wasm";
import { describePlugin } from "../../worker/execution/sandbox/plugin-module.ts";
import { standAlone, type PluginPackage } from "../../worker/execution/sandbox/plugin-package.ts";
import { rewrittenModule } from "./rewritten-module.ts";

/** A module in the form that tells where its fuel goes (worker/control/profiles/actions/prepare.ts). */
export interface ProfiledModule {
  readonly plugin: PluginPackage;
  readonly kernel: WebAssembly.Module;
  readonly names: FrameNames;
}

export async function openProfiled(module: Uint8Array, limits: Limits, compile: Compile): Promise<ProfiledModule> {
  const { names, importedFunctions } = readFunctionNames(module);
  return {
    plugin: standAlone(describePlugin(await compile(rewrittenModule(module, limits, true)))),
    kernel: await compile(profileKernel as unknown as Uint8Array<ArrayBuffer>), // bundled as bytes
    names: { modules: [{ name: MAIN_MODULE, names, importedFunctions, files: [], places: [] }] },
  };
}

export function describeProfile(profile: CallProfile, names: FrameNames, title: string): PluginProfile {
  const tree = treeOf(profile, names);
  return {
    fuel: profile.fuel,
    truncated: isTruncated(profile),
    functions: functionsOf(profile, names),
    tree,
    speedscope: speedscopeFile(tree, title),
  };
}
