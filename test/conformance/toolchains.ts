import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";

/** A compiler that is there, or what to install for it. */
export type Toolchain =
  { readonly command: string; readonly version: string; readonly target: string } | { readonly missing: string };

/** Where Debian's packages put things: under the root, or under the folder into which scripts/toolchains.sh unpacks. */
const UNPACKED = path.resolve(import.meta.dirname, "../../dist/toolchains");
const WASI_LIBC = "/usr/lib/wasm32-wasi/libc.a";
const LIBCXX = "/usr/lib/wasm32-wasi/libc++.a";
const GO_COMMANDS = ["go", "/usr/lib/go-1.24/bin/go", path.join(UNPACKED, "usr/lib/go-1.24/bin/go")];
const QUICKJS_FOLDERS = ["/usr/src/quickjs-ng", path.join(UNPACKED, "usr/src/quickjs-ng")];
const MINIMUM_GO = [1, 24] as const;

export function clang(target: "bare" | "wasi"): Toolchain {
  const version = versionOf("clang", "--version");
  if (version === undefined || versionOf("wasm-ld", "--version") === undefined) return { missing: "clang and lld" };
  if (target === "bare") return { command: "clang", version, target: "wasm32-unknown-unknown" };
  if (!existsSync(WASI_LIBC)) return { missing: "wasi-libc" };
  return { command: "clang", version, target: "wasm32-wasi" };
}

/** clang++ with the C++ standard library. */
export function clangWithLibraries(): Toolchain {
  const found = clang("wasi");
  if ("missing" in found) return found;
  return existsSync(LIBCXX) ? { ...found, command: "clang++" } : { missing: "libc++ for wasm32" };
}

export function quickjs(): Toolchain {
  return quickjsSource() === undefined ? { missing: "qjs-src (quickjs-ng)" } : clang("wasi");
}

/** @returns the folder of the engine's sources, undefined where they are not installed */
export function quickjsSource(): string | undefined {
  return QUICKJS_FOLDERS.find((folder) => existsSync(path.join(folder, "quickjs.c")));
}

/** A rustc with the target's standard library; other installations may come before Debian's in the path. */
export function rust(targets: readonly string[]): Toolchain {
  for (const command of ["rustc", "/usr/bin/rustc"]) {
    const version = versionOf(command, "--version");
    if (version === undefined) continue;
    const root = run(command, ["--print", "sysroot"]) ?? "";
    const target = targets.find((name) => existsSync(path.join(root, "lib/rustlib", name)));
    if (target !== undefined) return { command, version, target };
  }
  return { missing: `rustc with the standard library of ${targets.join(" or ")}` };
}

export function go(): Toolchain {
  for (const command of GO_COMMANDS) {
    const version = versionOf(command, "version");
    const [major = 0, minor = 0] =
      /go(\d+)\.(\d+)/
        .exec(version ?? "")
        ?.slice(1)
        .map(Number) ?? [];
    const recent = major > MINIMUM_GO[0] || (major === MINIMUM_GO[0] && minor >= MINIMUM_GO[1]);
    if (version !== undefined && recent) return { command, version, target: "wasip1" };
  }
  return { missing: `Go ${MINIMUM_GO.join(".")} or later` };
}

function versionOf(command: string, question: string): string | undefined {
  return run(command, [question])?.split("\n")[0];
}

/** @returns what the command prints, undefined where there is no such command or it fails */
function run(command: string, args: readonly string[]): string | undefined {
  try {
    return execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    return undefined;
  }
}
