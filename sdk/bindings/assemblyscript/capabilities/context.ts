import { JSON } from "json-as";
import { takeText } from "../memory";
import { context } from "../user-functions";

/** Whose call this is. Nothing in it is secret. */
@json
export class ExecutionContext {
  tenantId: string = "";
  /** Who called. */
  subject: string = "";
  roles: string[] = [];
  installId: string = "";
  pluginId: string = "";
  version: string = "";
  executionId: string = "";
  traceId: string = "";
  /** Milliseconds since the epoch at which the call is ended. */
  deadline: i64 = 0;
  /** Messages of the bus that led to this call. */
  hops: i32 = 0;
  /** Plugin that calls a service of this one, null where none does. */
  callingPlugin: string | null = null;
  /** What middleware noted about the request, by name. */
  annotations: Map<string, string> = new Map<string, string>();
}

/** The call's context. Throws on a host without one: this function is the platform's, not Extism's. */
export function executionContext(): ExecutionContext {
  const handle = context();
  if (handle == 0) throw new Error("this host has no execution context");
  return JSON.parse<ExecutionContext>(takeText(handle));
}
