import { storageOf } from "../../durable-objects/plugin-storage/client.ts";
import { PlatformError } from "../../sdk/contract/errors.ts";
import type { SandboxCall, SandboxFailure, SandboxOutcome, VariableChanges } from "../../sdk/contract/sandbox.ts";
import { errorText } from "../lib/error-text.ts";
import { logError } from "../lib/json-log.ts";
import type { CapabilityServices } from "./capabilities/services.ts";

/**
 * Extism's variables of installs that keep them. They are read before a call, so that they are an input like any other, and what
 * changed is written in one transaction after it. Calls at the same time do not wait for each other: of each key the last one
 * that ended stays. A call that fails leaves nothing.
 */

/** Bytes of keys and sealed values of one install. */
export const VARIABLES_BYTES = 256 * 1024;

type Services = Pick<CapabilityServices, "storage" | "values" | "clock">;

interface Owner {
  readonly tenantId: string;
  readonly installId: string;
}

/** @throws {PlatformError} CAPABILITY_UNAVAILABLE; VALUE_UNREADABLE */
export async function readVariables(services: Services, owner: Owner): Promise<NonNullable<SandboxCall["variables"]>> {
  const entries = await storageOf(services.storage, owner)
    .all("variables", services.clock.now())
    .catch((cause: unknown) => {
      throw new PlatformError("CAPABILITY_UNAVAILABLE", "The plugin's variables could not be read.", { cause });
    });
  const opened = entries.map(async ({ key, value }) => {
    const bytes = await services.values.open(value, sealContext(owner, key));
    return [key, bytes.toBase64()] as const;
  });
  return Object.fromEntries(await Promise.all(opened));
}

/** @returns the outcome; a failure where the changes could not be kept */
export async function keepVariables(services: Services, owner: Owner, ran: SandboxOutcome): Promise<SandboxOutcome> {
  const { variables, ...outcome } = ran;
  if (!variables || (variables.removed.length === 0 && Object.keys(variables.set).length === 0)) return outcome;
  const failure = await write(services, owner, variables).catch((error: unknown): SandboxFailure => {
    logError("variables.failed", { installId: owner.installId, error: errorText(error) });
    return { code: "CAPABILITY_UNAVAILABLE", detail: "The plugin's variables could not be kept." };
  });
  return failure ? { ...outcome, output: undefined, failure } : outcome;
}

async function write(
  { storage, values, clock }: Services,
  owner: Owner,
  { set, removed }: VariableChanges,
): Promise<SandboxFailure | undefined> {
  const sealed = Object.entries(set).map(async ([key, text]) => ({
    key,
    value: await values.seal(Uint8Array.fromBase64(text), sealContext(owner, key)),
  }));
  const used = await storageOf(storage, owner).change(
    "variables",
    await Promise.all(sealed),
    removed,
    VARIABLES_BYTES,
    clock.now(),
  );
  if (used === undefined) return undefined;
  return {
    code: "CAPABILITY_QUOTA_EXCEEDED",
    detail: `Variables of an install may have ${VARIABLES_BYTES} bytes; this call would make it ${used}.`,
    limit: { name: "variables", used, allowed: VARIABLES_BYTES },
  };
}

function sealContext({ tenantId, installId }: Owner, key: string): readonly string[] {
  return ["variables", tenantId, installId, key];
}
