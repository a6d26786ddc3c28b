import { MAIN_MODULE } from "../../sdk/contract/linking.ts";
import {
  PACKAGE_MODULES,
  PROFILE_ENTRYPOINT,
  SANDBOX_ENTRYPOINT,
  SANDBOX_MODULES,
} from "../../sdk/contract/sandbox.ts";
import { readFiles, readModule } from "./module-store.ts";
import { SANDBOX_SOURCE } from "./sandbox-program.generated.ts";
import kernel from "./sandbox/kernel.generated.wasm";
import type { SnapshotInstall } from "./snapshot.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Everything that runs in a plugin's isolate beside the platform's own program. */
export interface PluginCode {
  readonly main: Bytes;
  /** Undefined where the plugin is one module without files. */
  readonly parts: CodeParts | undefined;
}

export interface CodeParts {
  /** All modules in the order of instantiation; the main one, whose bytes are above, has none here. */
  readonly modules: readonly { readonly name: string; readonly bytes: Bytes | undefined }[];
  readonly relay: Bytes | undefined;
  readonly sparePages: number;
  readonly files: Bytes | undefined;
}

/**
 * Reads all that an install runs, each proved by its digest.
 *
 * @throws {PlatformError} MODULE_UNAVAILABLE where the store does not answer; INTEGRITY_FAILED where bytes differ
 */
export async function readCode(bucket: R2Bucket, install: SnapshotInstall): Promise<PluginCode> {
  const [main, parts] = await Promise.all([readModule(bucket, install.rewrittenDigest), readParts(bucket, install)]);
  return { main, parts };
}

async function readParts(bucket: R2Bucket, { parts }: SnapshotInstall): Promise<CodeParts | undefined> {
  if (parts === undefined) return undefined;
  const { modules, relay, sparePages, files } = parts;
  const [moduleBytes, relayBytes, fileBytes] = await Promise.all([
    Promise.all(
      modules.map(async ({ name, digest }) => (name === MAIN_MODULE ? undefined : await readModule(bucket, digest))),
    ),
    relay ? readModule(bucket, relay.digest) : undefined,
    files ? readFiles(bucket, files.digest) : undefined,
  ]);
  return {
    modules: modules.map(({ name }, at) => ({ name, bytes: moduleBytes[at] })),
    relay: relayBytes,
    sparePages,
    files: fileBytes,
  };
}

/** The modules of a plugin's isolate, and which of them begins. */
export function codeModules({ main, parts }: PluginCode): Pick<WorkerLoaderWorkerCode, "mainModule" | "modules"> {
  const modules: WorkerLoaderWorkerCode["modules"] = {
    [SANDBOX_MODULES.main]: SANDBOX_SOURCE,
    [SANDBOX_MODULES.kernel]: { wasm: kernel },
    [SANDBOX_MODULES.plugin]: { wasm: main },
  };
  if (parts === undefined) return { mainModule: SANDBOX_MODULES.main, modules };
  for (const [at, { bytes }] of parts.modules.entries()) if (bytes) modules[partName(at)] = { wasm: bytes };
  if (parts.relay) modules[PACKAGE_MODULES.relay] = { wasm: parts.relay };
  if (parts.files) modules[PACKAGE_MODULES.files] = { data: parts.files.buffer };
  modules[PACKAGE_MODULES.main] = packageProgram(parts);
  return { mainModule: PACKAGE_MODULES.main, modules };
}

function partName(at: number): string {
  return `part-${at}.wasm`;
}

/** The sandbox program imports what every plugin has; this one adds what only this plugin has. */
function packageProgram({ modules, relay, sparePages, files }: CodeParts): string {
  const imports: string[] = [];
  const imported = (variable: string, file: string): string => {
    imports.push(`import ${variable} from "./${file}";`);
    return variable;
  };
  const listed = modules.map(({ name, bytes }, at) => {
    const module = bytes === undefined ? "main" : imported(`part${at}`, partName(at));
    return `[${JSON.stringify(name)}, ${module}]`;
  });
  const fields = [
    `modules: [${listed.join(", ")}]`,
    `sparePages: ${sparePages}`,
    ...(relay ? [`relay: ${imported("relay", PACKAGE_MODULES.relay)}`] : []),
    ...(files ? [`files: ${imported("files", PACKAGE_MODULES.files)}`] : []),
  ];
  return [
    `import { ${SANDBOX_ENTRYPOINT}, ${PROFILE_ENTRYPOINT} } from "./${SANDBOX_MODULES.main}";`,
    `import main from "./${SANDBOX_MODULES.plugin}";`,
    ...imports,
    `${SANDBOX_ENTRYPOINT}.load({ ${fields.join(", ")} });`,
    `export { ${SANDBOX_ENTRYPOINT}, ${PROFILE_ENTRYPOINT} };`,
  ].join("\n");
}
