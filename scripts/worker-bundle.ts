import { readFile } from "node:fs/promises";
import path from "node:path";
import { build as bundleWith, type Plugin } from "esbuild";

/** Modules the bundle leaves to the runtime, by ending. */
const MODULE_TYPES: Readonly<Record<string, "CompiledWasm" | "Data">> = { ".wasm": "CompiledWasm", ".bin": "Data" };

export interface RuntimeModule {
  readonly type: "ESModule" | "CompiledWasm" | "Data";
  readonly path: string;
  readonly contents: Uint8Array<ArrayBuffer>;
}

/** Bundles a worker for workerd; what it imports that is no JavaScript stays a module of its own. */
export async function bundleWorker(entry: string): Promise<RuntimeModule[]> {
  const files = new Map<string, string>();
  const runtimeModules: Plugin = {
    name: "runtime-modules",
    setup(bundler) {
      bundler.onResolve({ filter: /\.(wasm|bin)$/ }, ({ path: specifier, resolveDir }) => {
        const file = path.resolve(resolveDir, specifier);
        const name = `${files.size}-${path.basename(file)}`;
        const known = [...files].find(([, other]) => other === file)?.[0];
        if (known === undefined) files.set(name, file);
        return { path: `./${known ?? name}`, external: true };
      });
    },
  };
  const { outputFiles } = await bundleWith({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2024",
    minify: true,
    external: ["cloudflare:*"],
    conditions: ["workerd", "worker", "browser"],
    mainFields: ["browser", "module", "main"],
    plugins: [runtimeModules],
  });
  const [output] = outputFiles;
  if (!output) throw new Error(`${entry} made no bundle.`);
  const others = [...files].map(async ([name, file]): Promise<RuntimeModule> => {
    const type = MODULE_TYPES[path.extname(file)] ?? "Data";
    return { type, path: name, contents: new Uint8Array(await readFile(file)) };
  });
  return [
    { type: "ESModule", path: "index.js", contents: new Uint8Array(output.contents) },
    ...(await Promise.all(others)),
  ];
}
