import type { ObjectFact } from "./facts-record.ts";
import { rule, type Found } from "./rule-record.ts";

/** Whether the store holds what was uploaded and what runs, byte for byte. */

function damaged(objects: readonly ObjectFact[], what: ObjectFact["what"]): readonly Found[] {
  return objects
    .filter((object) => object.what === what && object.found !== object.digest)
    .map(({ digest, found }) => ({ key: digest, evidence: { digest, found, missing: found === null } }));
}

/** What is made from the original can be made again where that is whole. */
function repairable(objects: readonly ObjectFact[], what: "rewritten" | "files"): readonly Found[] {
  const sources = what === "files" ? ["package"] : ["package", "original"];
  const isWhole = sources.every((source) => damaged(objects, source as ObjectFact["what"]).length === 0); // names of the list above
  const found = damaged(objects, what);
  if (isWhole) return found;
  const text = "What it was made from is damaged too: go back to a version that is whole, or upload a new one.";
  return found.map((one) => ({ ...one, remedy: { action: "rollback", text } }));
}

export const INTEGRITY_RULES = {
  "package.damaged": rule(
    "objects",
    {
      severity: "high",
      title: "the package as uploaded is missing from the store or is not what was uploaded",
      remedy: {
        action: "update",
        text: "It runs, but cannot be made anew: upload it again as a new version and update.",
      },
    },
    (objects) => damaged(objects, "package"),
  ),
  "module.original-damaged": rule(
    "objects",
    {
      severity: "high",
      title: "a module as uploaded is missing from the store or is not what was uploaded",
      remedy: {
        action: "update",
        text: "It runs, but cannot be made anew: upload it again as a new version and update.",
      },
    },
    (objects) => damaged(objects, "original"),
  ),
  "module.rewritten-damaged": rule(
    "objects",
    {
      severity: "critical",
      title: "a module as it runs is missing from the store or is not what the rewriter made",
      remedy: { action: "repair", text: "Make it again from the module as uploaded, which is whole." },
    },
    (objects) => repairable(objects, "rewritten"),
  ),
  "files.damaged": rule(
    "objects",
    {
      severity: "critical",
      title: "the files that the plugin may read are missing from the store or are not those of the package",
      remedy: { action: "repair", text: "Make them again from the package, which is whole." },
    },
    (objects) => repairable(objects, "files"),
  ),
} as const;
