type JsonObject = Readonly<Record<string, unknown>>;

/** As the manifest has it, without what the code does not say. */
export interface FunctionDescription {
  readonly summary?: string;
  readonly description?: string;
  /** JSON Schema of input and output, where the definition has schemas. */
  readonly input?: { readonly schema: JsonObject };
  readonly output?: { readonly schema: JsonObject };
}

/** What a plugin's definition says of itself: parts of its manifest. */
export interface PluginDescription {
  readonly hooks: readonly JsonObject[];
  readonly endpoints: readonly JsonObject[];
  readonly services: readonly JsonObject[];
  readonly subscribes: readonly JsonObject[];
  /** Topics whose messages have a schema. */
  readonly publishes: readonly string[];
  /** By topic. */
  readonly messages: Readonly<Record<string, { readonly schema: JsonObject }>>;
  readonly lifecycle: JsonObject;
  readonly config?: JsonObject;
  /** By exported name. */
  readonly functions: Readonly<Record<string, FunctionDescription>>;
  /** JSON Schemas that those of functions and messages refer to as `#/$defs/<name>`. */
  readonly types: Readonly<Record<string, JsonObject>>;
}
