import { MAIN_MODULE } from "../../../sdk/contract/linking.ts";
import { DEFAULT_LIMITS, type Limits, WASM_PAGE_BYTES } from "../../../sdk/contract/limits.ts";
import { encodePackageFiles } from "../../../sdk/contract/package-files.ts";
import { relayModule } from "../../../worker/execution/linking/relay.ts";
import { planCapacity, planLinks } from "../../../worker/execution/linking/plan.ts";
import { inspectModule } from "../../../worker/execution/metering/inspect.ts";
import { rewriteModule, type MeteringPolicy } from "../../../worker/execution/metering/rewrite.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** A package as an upload leaves it: everything an isolate needs, as bytes. */
export interface BuiltPackage {
  readonly main: Bytes;
  readonly parts: {
    readonly modules: readonly { readonly name: string; readonly bytes: Bytes | undefined }[];
    readonly relay: Bytes | undefined;
    readonly sparePages: number;
    readonly files: Bytes | undefined;
  };
}

export interface PackageSource {
  /** Modules by name, not metered; one is called `main`. */
  readonly modules: Readonly<Record<string, Uint8Array>>;
  /** Texts of files by path. */
  readonly files?: Readonly<Record<string, string>>;
}

/** Meters and links a package as an upload does. */
export function buildPackage({ modules, files }: PackageSource, limits: Partial<Limits> = {}): BuiltPackage {
  const { memory, tableEntries, callDepth } = { ...DEFAULT_LIMITS, ...limits };
  const named = Object.entries(modules).map(([name, bytes]) => ({ name, bytes, report: inspectModule(bytes) }));
  const shared = named.length > 1;
  const whole = { memoryPages: Math.floor(memory / WASM_PAGE_BYTES), tableElements: tableEntries };
  const { shares, sparePages } = planCapacity(
    named.map(({ report }) => report),
    whole,
  );
  const { order, relayed } = planLinks(named);
  const policy = { ...whole, callDepth, sharedCounters: shared };
  const metered = new Map(
    named.map(({ name, bytes }, at) => [name, meter(bytes, { ...policy, ...shares[at], hideTables: true })]),
  );
  return {
    main: metered.get(MAIN_MODULE) ?? new Uint8Array(),
    parts: {
      modules: shared
        ? order.map((name) => ({ name, bytes: name === MAIN_MODULE ? undefined : metered.get(name) }))
        : [],
      relay: relayed.length > 0 ? meter(relayModule(relayed), { ...policy, tableElements: relayed.length }) : undefined,
      sparePages,
      files:
        files &&
        encodePackageFiles(
          Object.entries(files).map(([path, text]) => ({ path, bytes: new TextEncoder().encode(text) })),
        ),
    },
  };
}

function meter(bytes: Uint8Array, policy: MeteringPolicy): Bytes {
  const { size, chunks } = rewriteModule(bytes, policy);
  const joined = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    joined.set(chunk, at);
    at += chunk.byteLength;
  }
  return joined;
}
