import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import type * as Runtime from "miniflare";
import { ApiClient } from "../account/api-client.ts";
import { PLATFORM_TENANT } from "../contract/identifiers.ts";
import { UserError } from "../project/user-error.ts";
import { PlatformKeys } from "./platform-keys.ts";

/** What scripts/build-platform.ts packs. */
interface PackedPlatform {
  readonly modules: readonly { readonly type: "ESModule" | "CompiledWasm" | "Data"; readonly path: string }[];
  readonly options: Readonly<Record<string, unknown>>;
  readonly migrations: readonly { readonly name: string; readonly statements: readonly string[] }[];
}

/** The platform's own worker under workerd, on this machine, with nothing in it; all of it ends with it. */
export interface LocalPlatform {
  readonly url: string;
  /** Acts as an admin of a tenant. */
  client(tenant: string): ApiClient;
  stop(): Promise<void>;
}

export interface LocalPlatformOptions {
  /** The plugin's, absolute: miniflare is among its packages, or among those beside this one. */
  readonly folder: string;
  /** 0: any that is free. */
  readonly port: number;
}

export const DEVELOPMENT_TENANT = "dev";
const FOLDER = path.resolve(import.meta.dirname, "../platform");

/** @throws {UserError} where miniflare is not installed, or the port is taken */
export async function startLocalPlatform({ folder, port }: LocalPlatformOptions): Promise<LocalPlatform> {
  const { Miniflare, convertV4MiniflareOptions, Response } = await importMiniflare(folder);
  const keys = new PlatformKeys();
  const packed = await readPacked();
  /** Pages of the API's reference are not packed. */
  const noPages = (): unknown => new Response("Not found", { status: 404 });
  const options = convertV4MiniflareOptions({
    ...(await workerOptions(packed, keys, noPages)),
    host: "127.0.0.1",
    port,
  } as Runtime.V4MiniflareOptions); // as packed
  const worker = new Miniflare({
    ...options,
    handleStructuredLogs: () => undefined, // the worker's own log is not the plugin's
  });
  try {
    const url = (await worker.ready).origin;
    await migrate(await worker.getD1Database("DB"), packed.migrations);
    const client = (tenant: string): ApiClient => new ApiClient({ url, token: keys.token(tenant) });
    const tenant = { id: DEVELOPMENT_TENANT, name: "Development", plan: "pro" };
    await client(PLATFORM_TENANT).request("POST", "/api/v1/admin/tenants", tenant);
    return { url, client, stop: () => worker.dispose() };
  } catch (error) {
    await worker.dispose();
    if (error instanceof Error && /address already in use/i.test(error.message)) {
      throw new UserError(`Port ${port} is taken: choose another one with --port.`);
    }
    throw error;
  }
}

async function importMiniflare(folder: string): Promise<typeof Runtime> {
  const manifest = JSON.parse(await readFile(path.resolve(import.meta.dirname, "../package.json"), "utf8")) as {
    readonly peerDependencies: Readonly<Record<string, string>>;
  }; // our own file
  return (await import(pathToFileURL(miniflareOf(folder, manifest.peerDependencies)).href)) as typeof Runtime; // by its name
}

function miniflareOf(folder: string, wanted: Readonly<Record<string, string>>): string {
  try {
    return createRequire(import.meta.filename).resolve("miniflare", { paths: [folder, import.meta.dirname] });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "MODULE_NOT_FOUND") throw error; // what resolve throws
    const install = `npm install --save-dev miniflare@${wanted["miniflare"]}`;
    throw new UserError(`The local platform runs on miniflare: \`${install}\` installs it.`);
  }
}

async function readPacked(): Promise<PackedPlatform> {
  const file = path.join(FOLDER, "platform.json");
  if (!existsSync(file))
    throw new UserError("This build of the SDK has no platform in it: `npm run sdk` makes one that has.");
  return JSON.parse(await readFile(file, "utf8")) as PackedPlatform; // our own file
}

async function workerOptions(
  { modules, options }: PackedPlatform,
  keys: PlatformKeys,
  noPages: () => unknown,
): Promise<Record<string, unknown>> {
  const bindings = { ...(options["bindings"] as object), ...keys.bindings(), ENVIRONMENT: "development" };
  return {
    ...options,
    name: "patchbay",
    cf: false,
    bindings,
    modules: await Promise.all(
      modules.map(async (module) => ({
        ...module,
        contents: new Uint8Array(await readFile(path.join(FOLDER, module.path))),
      })),
    ),
    queueConsumers: withoutWaiting(options["queueConsumers"] as Record<string, object>), // of wrangler.toml
    serviceBindings: { ASSETS: noPages },
  };
}

/** One call at a time: there is nothing to wait for. */
function withoutWaiting(consumers: Readonly<Record<string, object>>): Record<string, object> {
  return Object.fromEntries(
    Object.entries(consumers).map(([name, consumer]) => [name, { ...consumer, maxBatchTimeout: 0 }]),
  );
}

interface Database {
  prepare(statement: string): { bind(...values: unknown[]): object };
  batch(statements: object[]): Promise<unknown>;
}

/** As wrangler does, whose table the worker reads. */
async function migrate(database: Database, migrations: PackedPlatform["migrations"]): Promise<void> {
  const bound = (statement: string, ...values: unknown[]): object => database.prepare(statement).bind(...values);
  await database.batch([
    bound("CREATE TABLE d1_migrations (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, applied_at TIMESTAMP)"),
    ...migrations.flatMap(({ name, statements }) => [
      ...statements.map((statement) => bound(statement)),
      bound("INSERT INTO d1_migrations (name, applied_at) VALUES (?, CURRENT_TIMESTAMP)", name),
    ]),
  ]);
}
