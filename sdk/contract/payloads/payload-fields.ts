import * as v from "valibot";
import { isObject } from "../config/json-values.ts";
import type { SchemaObject } from "../config/schema-parts.ts";
import { closedObject, functionName, pattern, record, text } from "../manifest-fields.ts";

/** The parts of a manifest that describe its functions: what goes in, what comes out, and types that several have in common. */

export const PAYLOAD_LIMITS = {
  functions: 100,
  types: 100,
  /** Of one schema, as compact JSON. */
  schemaBytes: 64 * 1024,
  schemaDepth: 24,
} as const;

const TYPE_NAME = /^[A-Za-z][A-Za-z0-9_]*$/;
/** RFC 6838 §4.2, without parameters. */
const MEDIA_TYPE = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$/;

export const JSON_TYPE = "application/json";

/** True for JSON, and for what is JSON underneath (RFC 6839 §3.1). */
export function isJsonType(mediaType: string): boolean {
  return mediaType === JSON_TYPE || mediaType.endsWith("+json");
}

/** The keywords are checked once all types of the manifest are known (description-rules.ts). */
const schema = v.pipe(
  v.custom<SchemaObject>(isObject, "must be a JSON Schema object"),
  v.check((value) => isShallow(value), `must not be nested deeper than ${PAYLOAD_LIMITS.schemaDepth} levels`),
  v.check(
    (value) => new TextEncoder().encode(JSON.stringify(value)).length <= PAYLOAD_LIMITS.schemaBytes,
    `must not be larger than ${PAYLOAD_LIMITS.schemaBytes} bytes`,
  ),
);

/** Walks level by level without recursion: the depth is what is being checked. */
function isShallow(schemaObject: SchemaObject): boolean {
  let level: unknown[] = [schemaObject];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > PAYLOAD_LIMITS.schemaDepth) return false;
    level = level.flatMap((item) => (typeof item === "object" && item !== null ? Object.values(item) : []));
  }
  return true;
}

const payload = v.pipe(
  closedObject({
    contentType: v.exactOptional(
      pattern(MEDIA_TYPE, "must be a media type in lower case without parameters, such as `text/plain`", 255),
    ),
    description: v.exactOptional(text(2_000)),
    schema: v.exactOptional(schema),
  }),
  v.check(
    ({ contentType, schema: given }) => given === undefined || contentType === undefined || isJsonType(contentType),
    "may have a `schema` only with the contentType application/json, or one that ends in `+json`",
  ),
);

/** What a function takes or gives. With a schema it is JSON. */
export interface Payload {
  readonly contentType?: string;
  readonly description?: string;
  readonly schema?: SchemaObject;
}

export const functionDescriptions = record(
  functionName,
  closedObject({
    summary: v.exactOptional(text(200)),
    description: v.exactOptional(text(5_000)),
    input: v.exactOptional(payload),
    output: v.exactOptional(payload),
  }),
  PAYLOAD_LIMITS.functions,
);

const typeName = pattern(TYPE_NAME, "must begin with a letter and have letters, digits and `_`", 64);

/** Schemas by name. Every schema of the manifest's functions and messages sees them as its own `$defs`. */
export const sharedTypes = record(typeName, schema, PAYLOAD_LIMITS.types);

export const messageDescription = closedObject({
  description: v.exactOptional(text(2_000)),
  schema: v.exactOptional(schema),
});

/** The media type of a payload; undefined where nothing is said. */
export function contentTypeOf({ contentType, schema: given }: Payload): string | undefined {
  return contentType ?? (given ? JSON_TYPE : undefined);
}
