import type { Finding } from "../../../sdk/contract/package-report.ts";
import type { ArchiveFile } from "./archive/archive.ts";
import { EXPECTED_ENDINGS, FILE_SIGNATURES, finding } from "./scan-rules.ts";
import { findTexts } from "./scan-text.ts";

/**
 * Findings about the files beside the module.
 *
 * @param modulePaths  files that the manifest names as modules; they are scanned by themselves
 */
export function scanFiles(files: readonly ArchiveFile[], modulePaths: ReadonlySet<string>): Finding[] {
  const others = files.filter((file) => !modulePaths.has(file.path));
  return others.flatMap((file) => scanKind(file).concat(findTexts(file.sample, file.path)));
}

function scanKind(file: ArchiveFile): Finding[] {
  const signature = FILE_SIGNATURES.find(({ bytes, offset = 0 }) =>
    Array.from(bytes).every((character, index) => file.sample[offset + index] === character.charCodeAt(0)),
  );
  const evidence = `file ${file.path}`;
  if (signature) return [finding(signature.rule, `The package contains ${signature.what}.`, evidence)];
  if (file.executable) return [finding("file-script", "The package contains a file marked as executable.", evidence)];
  const name = file.path.slice(file.path.lastIndexOf("/") + 1);
  const ending = /\.([^.]+)$/.exec(name)?.[1]?.toLowerCase();
  if (ending === "wasm") {
    return [finding("file-module-unused", "The package contains a module that the manifest does not name.", evidence)];
  }
  if (ending === undefined || EXPECTED_ENDINGS.has(ending)) return [];
  return [
    finding("file-unexpected", `The package contains a file of a kind that plugins seldom need: .${ending}`, evidence),
  ];
}
