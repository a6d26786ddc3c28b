import {
  classifyFuel,
  METERING_EXPORTS,
  METERING_IMPORTS,
  type FuelState,
} from "../../../sdk/contract/metering-abi.ts";
import { RELAY_TABLE, MAIN_MODULE, parseRelayName } from "../../../sdk/contract/linking.ts";
import { relayModule } from "../../../worker/execution/linking/relay.ts";
import { planCapacity, planLinks, type LinkPlan } from "../../../worker/execution/linking/plan.ts";
import { inspectModule } from "../../../worker/execution/metering/inspect.ts";
import { rewriteModule, type MeteringPolicy } from "../../../worker/execution/metering/rewrite.ts";
import { joined, PLENTY, POLICY, sharedCounters, type Exports } from "../metering/guest.ts";
import { wat } from "../metering/wat.ts";

/** Modules of one package, metered and linked as a host does. */
export class LinkedGuests {
  readonly plan: LinkPlan;
  readonly instances = new Map<string, WebAssembly.Exports>();
  readonly counters: Record<string, WebAssembly.Global>;

  constructor(sources: Readonly<Record<string, string>>, policy: Partial<MeteringPolicy> = {}) {
    const binaries = new Map(Object.entries(sources).map(([name, source]) => [name, wat(`(module ${source})`)]));
    const modules = [...binaries].map(([name, bytes]) => ({ name, report: inspectModule(bytes) }));
    const reports = modules.map(({ report }) => report);
    const capacity = planCapacity(reports, { ...POLICY, ...policy });
    this.plan = planLinks(modules);
    this.counters = sharedCounters(capacity.sparePages);
    const options = { ...POLICY, ...policy, sharedCounters: true };
    const { relayed } = this.plan;
    const relay = relayed.length > 0 ? this.#instance(relayModule(relayed), options, {}) : {};
    for (const name of this.plan.order) {
      const at = modules.findIndex((module) => module.name === name);
      const bytes = binaries.get(name) ?? new Uint8Array();
      this.instances.set(name, this.#instance(bytes, { ...options, ...capacity.shares[at], hideTables: true }, relay));
    }
    const table = relay[RELAY_TABLE] as WebAssembly.Table | undefined;
    for (const [slot, target] of relayed.entries()) table?.set(slot, this.instances.get(target.module)?.[target.name]);
  }

  #instance(bytes: Uint8Array, policy: MeteringPolicy, relay: WebAssembly.Exports): WebAssembly.Exports {
    const imports: Record<string, WebAssembly.ModuleImports> = { [METERING_IMPORTS.module]: this.counters };
    for (const [name, thunk] of Object.entries(relay).filter(([key]) => key !== RELAY_TABLE)) {
      const target = parseRelayName(name);
      imports[target.module] = { ...imports[target.module], [target.name]: thunk };
    }
    for (const [name, exports] of this.instances) imports[name] = exports;
    return new WebAssembly.Instance(new WebAssembly.Module(joined(rewriteModule(bytes, policy).chunks)), imports)
      .exports;
  }

  get main(): WebAssembly.Exports {
    return this.instances.get(MAIN_MODULE) ?? {};
  }

  call(
    name: string,
    values: readonly unknown[] = [],
    fuel = PLENTY,
    depth = POLICY.callDepth,
  ): { value?: unknown; error?: string; state: FuelState; used: bigint } {
    const [fuelGlobal, depthGlobal] = [METERING_EXPORTS.fuel, METERING_EXPORTS.depth].map((counter) => {
      return this.main[counter] as WebAssembly.Global;
    }) as [WebAssembly.Global, WebAssembly.Global]; // two names give two globals
    fuelGlobal.value = fuel;
    depthGlobal.value = depth;
    let outcome: { value?: unknown; error?: string };
    try {
      outcome = { value: (this.main as Exports)[name]?.(...values) };
    } catch (error) {
      outcome = { error: error instanceof Error ? error.message : "exception" };
    }
    const left = fuelGlobal.value as bigint;
    return { ...outcome, state: classifyFuel(left, depthGlobal.value as number), used: fuel - left };
  }
}
