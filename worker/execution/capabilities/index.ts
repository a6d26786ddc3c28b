import type { UserFunction } from "../../../sdk/contract/user-functions.ts";
import { cacheDelete, cacheGet, cacheSet } from "./cache/host.ts";
import type { HostCall } from "./capability.ts";
import {
  cryptoDecrypt,
  cryptoDigest,
  cryptoEncrypt,
  cryptoHmac,
  cryptoRandom,
  cryptoSign,
  cryptoVerify,
} from "./crypto/host.ts";
import { cryptoKeyCreate, cryptoKeyDelete, cryptoKeyGet, cryptoKeyList } from "./crypto/key-host.ts";
import { databaseQuery, databaseTransaction } from "./database/host.ts";
import { filesDelete, filesGet, filesHead, filesList, filesPut } from "./files/host.ts";
import { filesAbort, filesAppend, filesBegin, filesFinish } from "./files/pieces-host.ts";
import { httpSend } from "./http/host.ts";
import { analyticsRecord } from "./analytics/host.ts";
import { securityEvents, securityRaise } from "./security/host.ts";
import { oauthToken } from "./oauth/host.ts";
import { storageDelete, storageGet, storageList, storageSet } from "./storage/host.ts";
import { eventsPublish } from "./events/host.ts";
import { servicesCall } from "./services/host.ts";
import { webhooksSend } from "./webhooks/host.ts";

/** Every capability function, once. */
export const HOST_CALLS: Readonly<Record<UserFunction, HostCall>> = {
  http_send: httpSend,
  storage_get: storageGet,
  storage_set: storageSet,
  storage_delete: storageDelete,
  storage_list: storageList,
  database_query: databaseQuery,
  database_transaction: databaseTransaction,
  files_put: filesPut,
  files_begin: filesBegin,
  files_append: filesAppend,
  files_finish: filesFinish,
  files_abort: filesAbort,
  files_get: filesGet,
  files_head: filesHead,
  files_list: filesList,
  files_delete: filesDelete,
  cache_get: cacheGet,
  cache_set: cacheSet,
  cache_delete: cacheDelete,
  services_call: servicesCall,
  events_publish: eventsPublish,
  crypto_digest: cryptoDigest,
  crypto_hmac: cryptoHmac,
  crypto_random: cryptoRandom,
  crypto_key_create: cryptoKeyCreate,
  crypto_key_get: cryptoKeyGet,
  crypto_key_list: cryptoKeyList,
  crypto_key_delete: cryptoKeyDelete,
  crypto_sign: cryptoSign,
  crypto_verify: cryptoVerify,
  crypto_encrypt: cryptoEncrypt,
  crypto_decrypt: cryptoDecrypt,
  webhooks_send: webhooksSend,
  oauth_token: oauthToken,
  analytics_record: analyticsRecord,
  security_events: securityEvents,
  security_raise: securityRaise,
};
