import type { ExecutionContext } from "../../../sdk/contract/sandbox.ts";
import {
  LOCAL_FUNCTIONS,
  STREAM_FUNCTIONS,
  USER_FUNCTION_TYPE,
  USER_FUNCTIONS,
  type StreamFunction,
  type UserFunction,
} from "../../../sdk/contract/user-functions.ts";
import type { CapabilityCalls } from "./capability-calls.ts";
import { HOST_COSTS } from "./costs.ts";
import type { GuestControl } from "./guest-control.ts";
import type { HostFunction } from "./host-import.ts";
import type { Kernel } from "./kernel.ts";
import { decodeText, encodeText } from "./text.ts";

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
  for (const [name, run] of Object.entries(streamFunctions(parts))) {
    functions.set(name, { type: STREAM_FUNCTIONS[name as StreamFunction], run }); // keys of the record
  }
  for (const [name, run] of Object.entries(local)) {
    functions.set(name, { type: LOCAL_FUNCTIONS[name as keyof typeof LOCAL_FUNCTIONS], run }); // keys of the record
  }
  return functions;
}

/** These have no way to say that something went wrong, and nothing could be done about it: the call is ended instead. */
function streamFunctions(parts: UserFunctionContext): Record<StreamFunction, HostFunction["run"]> {
  const { capabilities, control, kernel } = parts;
  const send = async (
    name: StreamFunction,
    request: Uint8Array,
    body?: Uint8Array,
  ): Promise<Uint8Array | undefined> => {
    const { answer, failure, body: piece } = await capabilities.send(name, request, body);
    if (failure) return control.stop({ code: failure.code, detail: failure.message });
    if (decodeText(answer).startsWith('{"error"'))
      return control.stop({ code: "PLUGIN_ERROR", detail: decodeText(answer) });
    return piece;
  };
  return {
    stream_read: async (most: bigint) => {
      const piece = await send("stream_read", encodeText(String(BigInt.asUintN(64, most))));
      if (piece === undefined) return 0n;
      const handle = kernel.put(piece);
      if (handle !== 0n) return handle;
      const detail = `A piece of ${piece.byteLength} bytes does not fit into kernel memory; free the pieces before it.`;
      return control.stop({ code: "KERNEL_MEMORY_EXCEEDED", detail });
    },
    stream_write: async (handle: bigint) => {
      await send("stream_write", new Uint8Array(), capabilities.take(handle));
      return undefined;
    },
  };
}
