import { type GuestControl, GuestStopped } from "./guest-control.ts";
import { promiseIntegration } from "./jspi.ts";

export type WasmValue = number | bigint;

/** A function the host offers for import. */
export interface HostFunction {
  /** Parameters and result in the notation of the contract, as `(i64, i32) -> i64`; undefined where any will do. */
  readonly type?: string;
  /** Receives values of the types above: i32 as a signed number, i64 as a bigint. A promise suspends the guest. */
  readonly run: (...parameters: never[]) => WasmValue | undefined | Promise<WasmValue | undefined>;
}

/** A function as the call at work has it. */
export interface ResolvedImport {
  readonly host: HostFunction;
  readonly control: GuestControl;
}

const TYPE_OF_PARAMETER: Readonly<Record<string, "number" | "bigint">> = { i32: "number", i64: "bigint" };

/**
 * Wraps a host function for linking: pays for the call, looks at the deadline, refuses parameters of other types than the
 * function has (the engine does not check imports written in JavaScript), and keeps the host's own faults from the guest.
 *
 * @param type      as {@link HostFunction.type}; the same for every call
 * @param resolve   finds the function of the call at work
 * @param suspends  true where the function answers with a promise
 */
export function hostImport(
  name: string,
  type: HostFunction["type"],
  resolve: () => ResolvedImport,
  suspends = false,
): WebAssembly.ExportValue {
  const expected = parameterTypes(type);
  const begin = (
    { host, control }: ResolvedImport,
    parameters: readonly WasmValue[],
  ): ReturnType<HostFunction["run"]> => {
    control.enterImport();
    if (expected !== undefined && !matches(parameters, expected)) {
      control.stop({
        code: "PLUGIN_LOAD_FAILED",
        detail: `The plugin declares the import "${name}" with another type than ${type}.`,
      });
    }
    return host.run(...(parameters as never[])); // checked against the declared type just above
  };
  if (!suspends) {
    return (...parameters: WasmValue[]) => {
      const found = resolve();
      try {
        return begin(found, parameters);
      } catch (error) {
        return rethrow(error, found.control);
      }
    };
  }
  return new (promiseIntegration().Suspending)(async (...parameters: WasmValue[]) => {
    // Kept while the guest waits: what comes back belongs to the call that asked.
    const found = resolve();
    try {
      return await begin(found, parameters);
    } catch (error) {
      return rethrow(error, found.control);
    }
  });
}

function parameterTypes(type: string | undefined): readonly (string | undefined)[] | undefined {
  const [parameters] = type?.split("->") ?? [];
  return parameters?.match(/i32|i64/g)?.map((name) => TYPE_OF_PARAMETER[name]) ?? (type === undefined ? undefined : []);
}

function matches(parameters: readonly WasmValue[], expected: readonly (string | undefined)[]): boolean {
  return parameters.length === expected.length && parameters.every((value, at) => typeof value === expected[at]);
}

function rethrow(error: unknown, control: GuestControl): never {
  if (error instanceof GuestStopped) throw error;
  return control.fail(error);
}
