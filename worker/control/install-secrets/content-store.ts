import type { ValueSealing } from "../../execution/capabilities/services.ts";
import type { SecretPlace } from "./secret-record.ts";

/** @param content  anything that JSON can hold */
export async function sealContent(values: ValueSealing, place: SecretPlace, content: unknown): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify(content));
  return (await values.seal(bytes, contextOf(place))).toBase64();
}

/** @throws {PlatformError} VALUE_UNREADABLE */
export async function openContent(values: ValueSealing, place: SecretPlace, sealed: string): Promise<unknown> {
  const bytes = await values.open(Uint8Array.fromBase64(sealed), contextOf(place));
  return JSON.parse(new TextDecoder().decode(bytes));
}

function contextOf({ tenantId, installId, kind, name }: SecretPlace): readonly string[] {
  return ["patchbay install secret", kind, tenantId, installId, name];
}
