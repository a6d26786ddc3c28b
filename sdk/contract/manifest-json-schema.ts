import { toJsonSchema } from "@valibot/to-json-schema";
import { ManifestSchema } from "./manifest.ts";

/**
 * The manifest's schema as JSON Schema 2020-12, for editors. It says less than the valibot schema: checks that no
 * keyword expresses (version ranges, repeated entries, reserved ids) are left out.
 */
export function manifestJsonSchema(): object {
  const schema = toJsonSchema(ManifestSchema, { target: "draft-2020-12", typeMode: "input", errorMode: "ignore" });
  const closed: unknown = JSON.parse(JSON.stringify(schema), (_key, value: unknown) =>
    isNever(value) ? false : value,
  );
  return {
    ...(closed as object), // the reviver keeps the outermost value an object
    title: "Patchbay plugin manifest",
    description: "manifest.json of a Patchbay plugin package",
  };
}

function isNever(value: unknown): boolean {
  return JSON.stringify(value) === '{"not":{}}';
}
