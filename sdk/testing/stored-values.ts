import { payloadOf } from "../contract/plugin-cases.ts";
import type { HostAnswer, UserFunction } from "../contract/user-functions.ts";

/** Asks a capability function as the plugin would. */
export type Asking = (name: UserFunction, request: object, body?: Uint8Array) => Promise<HostAnswer>;

/** What the platform writes, as far as it is read here. */
type Answered = { readonly value: Value } | { readonly error: { readonly code: string; readonly message: string } };
interface Value {
  readonly found?: boolean;
  readonly keys?: readonly { readonly key: string }[];
  readonly more?: boolean;
}

/** What the plugin keeps in its storage, for a test to lay out and to look at. Keys and values are within the platform's limits. */
export class StoredValues {
  readonly #ask: Asking;

  constructor(ask: Asking) {
    this.#ask = ask;
  }

  /** @param value  text and bytes as they are, anything else as JSON */
  async set(key: string, value: unknown): Promise<void> {
    await this.#answerOf("storage_set", { key }, payloadOf(value));
  }

  /** @returns undefined where there is no such key */
  async bytes(key: string): Promise<Uint8Array | undefined> {
    const { value, body } = await this.#answerOf("storage_get", { key });
    return value.found === true ? (body ?? new Uint8Array()) : undefined;
  }

  async text(key: string): Promise<string | undefined> {
    const bytes = await this.bytes(key);
    return bytes && new TextDecoder().decode(bytes);
  }

  async json(key: string): Promise<unknown> {
    const text = await this.text(key);
    return text === undefined ? undefined : JSON.parse(text);
  }

  async keys(prefix = ""): Promise<readonly string[]> {
    const keys: string[] = [];
    for (let more = true; more;) {
      const after = keys.at(-1);
      const request = { prefix, limit: 1_000, ...(after === undefined ? {} : { after }) };
      const { value } = await this.#answerOf("storage_list", request);
      keys.push(...(value.keys ?? []).map(({ key }) => key));
      more = value.more === true;
    }
    return keys;
  }

  async #answerOf(
    name: UserFunction,
    request: object,
    content?: Uint8Array,
  ): Promise<{ value: Value; body: Uint8Array | undefined }> {
    const { answer, body } = await this.#ask(name, request, content);
    const answered = JSON.parse(new TextDecoder().decode(answer)) as Answered; // written by the platform
    if ("error" in answered) throw new Error(`${answered.error.code}: ${answered.error.message}`);
    return { value: answered.value, body };
  }
}
