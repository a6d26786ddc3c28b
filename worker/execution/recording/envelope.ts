import { PlatformError } from "../../../sdk/contract/errors.ts";
import * as envelope from "../../lib/envelope.ts";

/** Whose recording it is: authenticated with the content, so that an object moved elsewhere cannot be opened there. */
export interface Owner {
  readonly tenantId: string;
  readonly executionId: string;
}

/** @param randomBytes  source of key and nonces; must be cryptographic */
export function seal(
  content: Uint8Array<ArrayBuffer>,
  ringKey: Uint8Array<ArrayBuffer>,
  owner: Owner,
  randomBytes: (length: number) => Uint8Array,
): Promise<Uint8Array<ArrayBuffer>> {
  return envelope.seal(content, ringKey, contextOf(owner), randomBytes);
}

/** @throws {PlatformError} RECORDING_UNREADABLE where a byte, the owner or the key is another than when it was sealed */
export async function open(
  sealed: Uint8Array<ArrayBuffer>,
  ringKey: Uint8Array<ArrayBuffer>,
  owner: Owner,
): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await envelope.open(sealed, ringKey, contextOf(owner));
  } catch (cause) {
    throw new PlatformError("RECORDING_UNREADABLE", "The recording is not what was stored: it fails authentication.", {
      cause,
    });
  }
}

function contextOf({ tenantId, executionId }: Owner): envelope.Context {
  return ["patchbay recording", tenantId, executionId];
}
