/** What the engine gives the program (sdk/engine/source/host-object.c). Bytes are copied, never shared. */
export interface EngineHost {
  inputText(): string;
  inputBytes(): Uint8Array<ArrayBuffer>;
  output(content: string | Uint8Array): void;
  config(key: string): string | null;
  variable(name: string): Uint8Array<ArrayBuffer> | null;
  setVariable(name: string, value: string | Uint8Array | null): void;
  /** 0 debug, 1 info, 2 warn, 3 error. */
  log(level: 0 | 1 | 2 | 3, text: string): void;
  encode(text: string): Uint8Array<ArrayBuffer>;
  decode(bytes: Uint8Array): string;
  fillRandom(bytes: Uint8Array): void;
  /** True until the plugin is packed. */
  isBuilding(): boolean;
  /** While the plugin is built: the number of a host function for `call`. */
  declare(module: string, name: string, parameters: number, results: number): number;
  /** While the plugin is built: text for the builder. */
  describe(text: string): void;
  /** Strings and bytes are passed as new blocks, null as 0. Answers the bytes of the returned block, null for none. */
  call(declared: number, first?: HostArgument, second?: HostArgument): Uint8Array<ArrayBuffer> | null;
}

export type HostArgument = string | Uint8Array | number | null;

declare global {
  var patchbayHost: EngineHost | undefined;
  /** The functions that the plugin exports, by name. */
  var patchbayExports: Readonly<Record<string, () => unknown>>;
}

/** The engine's host object. Elsewhere, as where a test imports a plugin's own functions, a plugin can be looked at and not called. */
export const host: EngineHost = globalThis.patchbayHost ?? outside();

function outside(): EngineHost {
  const absent = new Proxy({} as EngineHost, {
    get: (_, name) => {
      throw new TypeError(
        `There is no plugin host here (for ${String(name)}): call the built plugin with \`createHost\`.`,
      );
    },
  });
  return Object.create(absent, { declare: { value: () => 0 } }) as EngineHost; // what is not declared above is the proxy's
}

/** A function of `extism:host/user` that the packed plugin then imports. Has to be called at the top level of a module. */
export function declareFunction(name: string, parameters: number, results: number): number {
  return host.declare("extism:host/user", name, parameters, results);
}
