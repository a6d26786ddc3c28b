import type { UserFunction } from "../../../sdk/contract/user-functions.ts";
import type { HostCall } from "./capability.ts";
import { cryptoDigest } from "./crypto/host.ts";
import { httpSend } from "./http/host.ts";

/** Every capability function, once. */
export const HOST_CALLS: Readonly<Record<UserFunction, HostCall>> = {
  http_send: httpSend,
  crypto_digest: cryptoDigest,
};
