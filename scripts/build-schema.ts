import { writeFile } from "node:fs/promises";
import { format } from "prettier";
import { manifestJsonSchema } from "../sdk/contract/manifest-json-schema.ts";

/** Writes sdk/contract/manifest.schema.json. A unit test fails where the committed file differs. */

export async function manifestSchemaText(): Promise<string> {
  return format(JSON.stringify(manifestJsonSchema()), { parser: "json", printWidth: 120 });
}

if (import.meta.main) {
  await writeFile(new URL("../sdk/contract/manifest.schema.json", import.meta.url), await manifestSchemaText());
}
