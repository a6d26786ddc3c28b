import type { ExecutionContext } from "../../../sdk/contract/sandbox.ts";
import {
  LOCAL_FUNCTIONS,
  USER_FUNCTION_TYPE,
  USER_FUNCTIONS,
  type UserFunction,
} from "../../../sdk/contract/user-functions.ts";
import type { CapabilityCalls } from "./capability-calls.ts";
import { HOST_COSTS } from "./costs.ts";
import type { GuestControl } from "./guest-control.ts";
import type { HostFunction } from "./host-import.ts";
import type { Kernel } from "./kernel.ts";
import { encodeText } from "./text.ts";

export interface UserFunctionContext {
  readonly context: ExecutionContext;
  readonly kernel: Kernel;
  readonly control: GuestControl;
  readonly capabilities: CapabilityCalls;
}

/** What `extism:host/user` offers one call. */
export function userFunctions(parts: UserFunctionContext): ReadonlyMap<string, HostFunction> {
  const { capabilities, control, kernel, context } = parts;
  const functions = new Map<string, HostFunction>();
  for (const name of Object.keys(USER_FUNCTIONS) as UserFunction[]) {
    const run = (request: bigint, body: bigint): Promise<bigint> => capabilities.run(name, request, body);
    functions.set(name, { type: USER_FUNCTION_TYPE, run });
  }
  const local: Record<keyof typeof LOCAL_FUNCTIONS, HostFunction["run"]> = {
    call_body: () => {
      const body = capabilities.lastBody;
      if (body === undefined) return 0n;
      control.charge(body.byteLength * HOST_COSTS.copiedByte);
      return kernel.put(body);
    },
    // What the host knows of the call is not charged to the author.
    context: () => kernel.put(encodeText(JSON.stringify(context))),
  };
  for (const [name, run] of Object.entries(local)) {
    functions.set(name, { type: LOCAL_FUNCTIONS[name as keyof typeof LOCAL_FUNCTIONS], run }); // keys of the record
  }
  return functions;
}
