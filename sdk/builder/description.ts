type JsonObject = Readonly<Record<string, unknown>>;

export interface FunctionDescription {
  /** As exported. */
  readonly name: string;
  readonly title?: string;
  /** JSON Schema of input and output, where the definition has schemas. */
  readonly input?: JsonObject;
  readonly output?: JsonObject;
}

/** What a plugin's definition says of itself: parts of its manifest, and types of its functions. */
export interface PluginDescription {
  readonly hooks: readonly JsonObject[];
  readonly endpoints: readonly JsonObject[];
  readonly services: readonly JsonObject[];
  readonly subscribes: readonly JsonObject[];
  readonly lifecycle: JsonObject;
  readonly config?: JsonObject;
  readonly functions: readonly FunctionDescription[];
}
