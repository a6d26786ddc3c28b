import * as v from "valibot";
import { PlatformError, type ErrorCode } from "../../../../sdk/contract/errors.ts";
import type { SandboxFailure } from "../../../../sdk/contract/sandbox.ts";
import { hostCall, type HostContext, type JsonValue } from "../capability.ts";

/** Failures that are about the chain of calls and not about the service: told as they are. */
const OF_THE_CHAIN: ReadonlySet<ErrorCode> = new Set<ErrorCode>(["NESTING_EXCEEDED", "BUDGET_SPENT"]);

const ServiceRequest = v.strictObject({
  service: v.pipe(v.string(), v.maxLength(128)),
  /** The service's input; left out where the body is. */
  input: v.optional(v.unknown()),
});

/**
 * `services_call`: runs another plugin's service under that plugin's own grants and configuration. Input is the body, or `input` as
 * JSON. Answers `{ pluginId, executionId, output }` with the output as bytes; `output` is null where it is not JSON.
 */
export const servicesCall = hostCall("services", ServiceRequest, async (context, { service, input }, body) => {
  context.note(service);
  context.quotas.take("services", "calls");
  const offer = serviceFor(context, service);
  const given = body ?? (input === undefined ? new Uint8Array() : encode(input));
  const { output, failure, executionId } = await context.reach
    .callPlugin(offer.pluginId, offer.functionName, given)
    .catch((error: unknown) => {
      if (!(error instanceof PlatformError)) throw error;
      throw serviceFailed(service, offer.pluginId, { code: error.code, detail: error.message });
    });
  if (failure) throw serviceFailed(service, offer.pluginId, failure);
  const bytes = output ?? new Uint8Array();
  return { value: { pluginId: offer.pluginId, executionId, output: decode(bytes) }, body: bytes };
});

function serviceFor({ grant, reach: { snapshot } }: HostContext, service: string) {
  if (!grant.services?.includes(service)) {
    throw new PlatformError("GRANT_MISSING", `The plugin has no grant for the service "${service.slice(0, 128)}".`);
  }
  const services = snapshot.offers?.services ?? {};
  const offer = Object.hasOwn(services, service) ? services[service] : undefined;
  if (!offer) throw new PlatformError("SERVICE_UNAVAILABLE", `No active plugin provides the service "${service}".`);
  return offer;
}

function serviceFailed(service: string, pluginId: string, { code, detail }: SandboxFailure): PlatformError {
  if (OF_THE_CHAIN.has(code)) return new PlatformError(code, detail);
  return new PlatformError(
    "SERVICE_FAILED",
    `The service "${service}" of "${pluginId}" failed with ${code}: ${detail}`,
  );
}

function encode(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

function decode(bytes: Uint8Array): JsonValue {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes)) as JsonValue; // what JSON.parse makes
  } catch {
    return null; // not JSON: the caller has the bytes
  }
}
