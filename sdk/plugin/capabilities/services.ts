import { capabilityFunction } from "../capability-call.ts";

const call = capabilityFunction<
  { service: string; input?: unknown },
  { pluginId: string; executionId: string; output: unknown }
>("services_call");

export const services = {
  /**
   * Calls a service of another plugin, which runs under its own grants.
   *
   * @param input  passed as JSON
   * @returns its output, where that is JSON
   * @throws {CapabilityError} SERVICE_UNAVAILABLE, SERVICE_FAILED, …
   */
  async call<Output>(service: string, input?: unknown): Promise<Output> {
    return call({ service, ...(input === undefined ? {} : { input }) }).value.output as Output; // the caller's word
  },
};
