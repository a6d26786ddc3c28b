import { listDurableObjectIds, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";

/** Everything that the environment keeps, whatever tables, keys and objects there are: where some words are found in it. */

const LATIN1 = new TextDecoder("latin1");

/** Every row of D1 that holds one of the words, as `table: row`. */
export async function rowsWith(words: readonly string[]): Promise<readonly string[]> {
  const { results } = await env.DB.prepare(
    String.raw`SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\_cf\_%' ESCAPE '\'`,
  ).all<{ name: string }>();
  const found: string[] = [];
  for (const { name } of results) {
    const { results: rows } = await env.DB.prepare(`SELECT * FROM "${name}"`).all();
    for (const row of rows) {
      const text = JSON.stringify(row);
      if (words.some((word) => text.includes(word))) found.push(`${name}: ${text}`);
    }
  }
  return found;
}

/** Every object of the store whose key or bytes hold one of the words. */
export async function objectsWith(words: readonly string[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (const key of await allKeys()) {
    const object = await env.STORE.get(key);
    const text = `${key} ${JSON.stringify(object?.customMetadata)} ${LATIN1.decode(await object?.arrayBuffer())}`;
    if (words.some((word) => text.includes(word))) found.push(key);
  }
  return found;
}

export async function allKeys(): Promise<readonly string[]> {
  const keys: string[] = [];
  let cursor: string | undefined;
  do {
    const page: R2Objects = await env.STORE.list(cursor === undefined ? {} : { cursor });
    keys.push(...page.objects.map(({ key }) => key));
    cursor = page.truncated ? page.cursor : undefined;
  } while (cursor !== undefined);
  return keys;
}

export interface StoredObject {
  readonly binding: string;
  readonly id: string;
  /** Rows, keys and the alarm, as text; empty where it keeps nothing. */
  readonly content: string;
}

/** Every Durable Object that there is, of every class, with what it keeps. */
export async function durableObjects(): Promise<readonly StoredObject[]> {
  const all: StoredObject[] = [];
  for (const [binding, namespace] of Object.entries(env)) {
    if (!isNamespace(namespace)) continue;
    for (const id of await listDurableObjectIds(namespace)) {
      const content = await runInDurableObject(namespace.get(id), (_object, { storage }) => contentOf(storage));
      all.push({ binding, id: id.toString(), content });
    }
  }
  return all;
}

function isNamespace(binding: object | string): binding is DurableObjectNamespace {
  return binding?.constructor.name === "DurableObjectNamespace";
}

async function contentOf(storage: DurableObjectStorage): Promise<string> {
  const tables = storage.sql
    .exec<{ name: string }>(
      String.raw`SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\_cf\_%' ESCAPE '\'`,
    )
    .toArray();
  const rows = tables.flatMap(({ name }) =>
    storage.sql
      .exec(`SELECT * FROM "${name}"`)
      .toArray()
      .map((row) => `${name}: ${asText(row)}`),
  );
  const entries = [...storage.kv.list()].map(([key, value]) => `${key}: ${asText({ value })}`);
  const alarm = await storage.getAlarm();
  return [...rows, ...entries, ...(alarm === null ? [] : ["an alarm"])].join("\n");
}

function asText(row: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(row, (_name, value: unknown) =>
    value instanceof ArrayBuffer || ArrayBuffer.isView(value) ? LATIN1.decode(value) : value,
  );
}
