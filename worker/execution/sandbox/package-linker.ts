import { RELAY_TABLE, relayName } from "../../../sdk/contract/linking.ts";
import { METERING_IMPORTS } from "../../../sdk/contract/metering-abi.ts";
import type { Links } from "./plugin-package.ts";

/** Joins the instances of a package's modules, for one call: their counters, their imports from each other. */
export class PackageLinker {
  readonly #links: Links;
  readonly #counters: WebAssembly.Exports;
  readonly #relay: WebAssembly.Exports;
  readonly #instances = new Map<string, WebAssembly.Exports>();

  constructor(links: Links) {
    this.#links = links;
    this.#counters = makeCounters(links.sparePages);
    const imports = { [METERING_IMPORTS.module]: this.#counters };
    this.#relay = links.relay === undefined ? {} : new WebAssembly.Instance(links.relay.module, imports).exports;
  }

  /**
   * What a module imports from the package: from an instance that exists already, else through the relay.
   *
   * @returns undefined where the package has nothing of that name
   */
  find(module: string, name: string): WebAssembly.ExportValue | undefined {
    if (module === METERING_IMPORTS.module) return own(this.#counters, name);
    const instance = this.#instances.get(module);
    return instance === undefined ? own(this.#relay, relayName({ module, name })) : own(instance, name);
  }

  add(name: string, exports: WebAssembly.Exports): void {
    this.#instances.set(name, exports);
  }

  /** To be called when all instances exist, before anything runs. */
  connectRelay(): void {
    const table = this.#relay[RELAY_TABLE];
    if (!(table instanceof WebAssembly.Table)) return;
    for (const [slot, { module, name }] of (this.#links.relay?.targets ?? []).entries()) {
      table.set(slot, own(this.#instances.get(module) ?? {}, name));
    }
  }
}

function makeCounters(sparePages: number): WebAssembly.Exports {
  const initial: Readonly<Record<string, number>> = { spare_pages: sparePages };
  return Object.fromEntries(
    METERING_IMPORTS.counters.map(({ name, type }) => [
      name,
      new WebAssembly.Global({ value: type, mutable: true }, type === "i64" ? 0n : (initial[name] ?? 0)),
    ]),
  );
}

function own(exports: WebAssembly.Exports, name: string): WebAssembly.ExportValue | undefined {
  return Object.hasOwn(exports, name) ? exports[name] : undefined;
}
