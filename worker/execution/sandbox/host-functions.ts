import { WHOLE_CONFIG_NAME, wholeText } from "../../../sdk/contract/config/flat-config.ts";
import { HOST_FUNCTIONS } from "../../../sdk/contract/extism-abi.ts";
import type { LogLine, SandboxCall } from "../../../sdk/contract/sandbox.ts";
import { httpRequest, type HttpResponse } from "./http-request.ts";
import type { CapabilityCalls } from "./capability-calls.ts";
import { HOST_COSTS } from "./costs.ts";
import type { GuestControl } from "./guest-control.ts";
import type { HostFunction } from "./host-import.ts";
import type { Kernel } from "./kernel.ts";
import type { CallLog } from "./logs.ts";
import { decodeStrictly, encodeText } from "./text.ts";
import type { Variables } from "./variables.ts";

export interface HostContext {
  readonly call: SandboxCall;
  readonly kernel: Kernel;
  readonly control: GuestControl;
  readonly log: CallLog;
  readonly variables: Variables;
  readonly capabilities: CapabilityCalls;
}

type HostName = keyof typeof HOST_FUNCTIONS;

/** Longer keys would be decoded at many times their size; no configuration has any. */
const KEY_BYTES = 65_536;

/** Levels by severity, as `logLevel` counts them. */
const LEVELS = ["trace", "debug", "info", "warn", "error"] as const satisfies readonly LogLine["level"][];

/**
 * The host's half of the Extism ABI for one call. Handles given to these functions belong to the host, which frees them, also
 * where they name nothing.
 */
export function hostFunctions(context: HostContext): ReadonlyMap<string, HostFunction> {
  const { call, kernel } = context;
  let response: HttpResponse | undefined;
  let whole: string | undefined;
  const wholeConfig = (): string =>
    (whole ??= wholeText({ texts: call.config, jsonNames: call.configJsonNames ?? [] }));
  const run: Record<HostName, HostFunction["run"]> = {
    config_get: (key: bigint) => configGet(context, takeKey(context, key), wholeConfig),
    var_get: (key: bigint) => variableGet(context, takeKey(context, key)),
    var_set: (key: bigint, value: bigint) => variableSet(context, takeKey(context, key), value),
    http_request: async (request: bigint, body: bigint) => {
      response = await sendRequest(context, request, body);
      return kernel.put(response.body);
    },
    http_status_code: () => response?.status ?? 0,
    http_headers: () => (response ? kernel.put(encodeText(JSON.stringify(response.headers))) : 0n),
    log_trace: (text: bigint) => logLine(context, 0, text),
    log_debug: (text: bigint) => logLine(context, 1, text),
    log_info: (text: bigint) => logLine(context, 2, text),
    log_warn: (text: bigint) => logLine(context, 3, text),
    log_error: (text: bigint) => logLine(context, 4, text),
    get_log_level: () => call.logLevel,
  };
  return new Map(
    Object.entries(run).map(([name, body]) => [name, { type: HOST_FUNCTIONS[name as HostName], run: body }]), // keys of the record
  );
}

function takeKey({ kernel, control }: HostContext, handle: bigint): string {
  const length = kernel.length(handle);
  if (length > KEY_BYTES) {
    control.stop({
      code: "PLUGIN_ERROR",
      detail: `The plugin used a key of ${length} bytes; the limit is ${KEY_BYTES}.`,
      limit: { name: "key", used: length, allowed: KEY_BYTES },
    });
  }
  control.charge(length * HOST_COSTS.copiedByte);
  const key = decodeStrictly(kernel.read(handle));
  if (key === undefined)
    return control.stop({ code: "PLUGIN_ERROR", detail: "The plugin used a key that is not UTF-8." });
  kernel.free(handle);
  return key;
}

/** Only the call's own entries: names of inherited members are no keys. */
function configGet({ call, kernel, control }: HostContext, key: string, wholeConfig: () => string): bigint {
  const own = Object.hasOwn(call.config, key) ? call.config[key] : undefined;
  const value = own ?? (key === WHOLE_CONFIG_NAME ? wholeConfig() : undefined);
  if (value === undefined) return 0n;
  control.charge(value.length * HOST_COSTS.copiedByte);
  return kernel.put(encodeText(value));
}

function variableGet({ kernel, control, variables }: HostContext, key: string): bigint {
  const value = variables.get(key);
  if (value === undefined) return 0n;
  control.charge(value.byteLength * HOST_COSTS.copiedByte);
  return kernel.put(value);
}

function variableSet({ call, kernel, control, variables }: HostContext, key: string, handle: bigint): undefined {
  const allowed = call.limits.kernelMemory;
  if (handle === 0n) {
    variables.delete(key);
  } else {
    const length = kernel.length(handle);
    control.charge(HOST_COSTS.variable + length * HOST_COSTS.copiedByte);
    const room = allowed - kernel.heapBytes();
    if (!variables.set(key, length, () => kernel.read(handle), room)) {
      const used = kernel.heapBytes() + variables.bytes + length;
      control.stop({
        code: "KERNEL_MEMORY_EXCEEDED",
        detail: `A variable of ${length} bytes does not fit: input, output and variables would use ${used} bytes; the limit is ${allowed}.`,
        limit: { name: "kernelMemory", used, allowed },
      });
    }
    kernel.free(handle);
  }
  // Variables and blocks share one limit.
  kernel.limitHeap(allowed - variables.bytes);
}

async function sendRequest(context: HostContext, request: bigint, body: bigint): Promise<HttpResponse> {
  const { capabilities, control } = context;
  const ask = capabilities.ask.bind(capabilities);
  const outcome = await httpRequest(ask, capabilities.take(request), body === 0n ? undefined : capabilities.take(body));
  if ("response" in outcome) return outcome.response;
  return control.stop({ code: capabilities.lastFailure?.code ?? "PLUGIN_ERROR", detail: outcome.failure });
}

function logLine({ call, kernel, log }: HostContext, severity: number, handle: bigint): undefined {
  const level = LEVELS[severity];
  if (level !== undefined && severity >= call.logLevel) log.add(level, kernel.read(handle, log.room + 1));
  kernel.free(handle);
}
