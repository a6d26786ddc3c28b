import path from "node:path";
import process from "node:process";

const FOLDERS = ["usr/lib/go-1.24/bin", "zig"];

/** Puts the compilers that scripts/toolchains.sh unpacks behind those that are installed. */
export function findUnpackedCompilers(): void {
  const root = path.resolve(import.meta.dirname, "../../../dist/toolchains");
  const known = process.env["PATH"]?.split(path.delimiter) ?? [];
  const missing = FOLDERS.map((folder) => path.join(root, folder)).filter((folder) => !known.includes(folder));
  process.env["PATH"] = [...known, ...missing].join(path.delimiter);
}
