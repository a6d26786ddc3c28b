import type { UserFunction } from "../contract/user-functions.ts";
import { CapabilityError } from "./capability-error.ts";
import { declareFunction, host } from "./host.ts";

/** What a plugin may pass as content. */
export type Content = string | Uint8Array;

export interface Answer<Value> {
  readonly value: Value;
  /** Bytes that came with the answer. */
  body(): Uint8Array<ArrayBuffer>;
}

type Envelope<Value> =
  { readonly value: Value } | { readonly error: { readonly code: string; readonly message: string } };

/** Takes the request and the bytes that go with it. */
export type CapabilityFunction<Request extends object, Value> = (request: Request, body?: Content) => Answer<Value>;

const CAPABILITY_PARAMETERS = 2;
const callBody = declareFunction("call_body", 0, 1);
const nothing = new Uint8Array();

/**
 * A capability function as a function of JavaScript. Its import is in the plugin wherever this module's user is, so that the
 * permissions a plugin needs can be read from its module.
 *
 * @throws {CapabilityError} from the function, where the platform refuses or fails
 */
export function capabilityFunction<Request extends object, Value>(
  name: UserFunction,
): CapabilityFunction<Request, Value> {
  const declared = declareFunction(name, CAPABILITY_PARAMETERS, 1);
  return (request, body) => {
    const bytes = host.call(declared, JSON.stringify(request), body ?? null);
    if (!bytes)
      throw new CapabilityError("KERNEL_MEMORY_EXCEEDED", `The answer of ${name} does not fit into the memory.`);
    const envelope = JSON.parse(host.decode(bytes)) as Envelope<Value>; // written by the platform
    if ("error" in envelope) throw new CapabilityError(envelope.error.code, envelope.error.message);
    return { value: envelope.value, body: () => host.call(callBody) ?? nothing };
  };
}
