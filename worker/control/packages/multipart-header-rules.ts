/** The header of one part of a form (RFC 7578 §4). */

/** What is wrong with a part's header, as the end of a sentence. */
export class PartHeaderError extends Error {
  override readonly name = "PartHeaderError";
}

const PLAIN_ENCODINGS: ReadonlySet<string> = new Set(["7bit", "8bit", "binary"]);

/**
 * @param header  lines without the empty one that ends them
 * @returns the part's name
 * @throws PartHeaderError
 */
export function readPartName(header: Uint8Array): string {
  const fields = readFields(header);
  const encoding = fields.get("content-transfer-encoding")?.toLowerCase();
  if (encoding !== undefined && !PLAIN_ENCODINGS.has(encoding)) {
    throw new PartHeaderError(`a part is encoded as ${JSON.stringify(encoding.slice(0, 40))}; send it as it is`);
  }
  const disposition = fields.get("content-disposition") ?? "";
  const name = /^form-data\s*;(?:.*;)?\s*name=(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))/i.exec(disposition);
  if (!name) throw new PartHeaderError("a part has no Content-Disposition: form-data with a name");
  return name[2] ?? (name[1] ?? "").replaceAll(/\\(.)/g, "$1");
}

function readFields(header: Uint8Array): Map<string, string> {
  const fields = new Map<string, string>();
  for (const line of new TextDecoder().decode(header).split("\r\n")) {
    const colon = line.indexOf(":");
    if (colon < 1) throw new PartHeaderError("a header line of a part has no colon");
    const name = line.slice(0, colon).toLowerCase();
    if (fields.has(name)) throw new PartHeaderError(`a part has the header ${JSON.stringify(name.slice(0, 40))} twice`);
    fields.set(name, line.slice(colon + 1).trim());
  }
  return fields;
}
