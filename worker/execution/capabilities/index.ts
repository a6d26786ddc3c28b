import type { UserFunction } from "../../../sdk/contract/user-functions.ts";
import { cacheDelete, cacheGet, cacheSet } from "./cache/host.ts";
import type { HostCall } from "./capability.ts";
import { cryptoDigest } from "./crypto/host.ts";
import { httpSend } from "./http/host.ts";
import { storageDelete, storageGet, storageList, storageSet } from "./storage/host.ts";

/** Every capability function, once. */
export const HOST_CALLS: Readonly<Record<UserFunction, HostCall>> = {
  http_send: httpSend,
  storage_get: storageGet,
  storage_set: storageSet,
  storage_delete: storageDelete,
  storage_list: storageList,
  cache_get: cacheGet,
  cache_set: cacheSet,
  cache_delete: cacheDelete,
  crypto_digest: cryptoDigest,
};
