import * as v from "valibot";
import { PlatformError } from "../../../../sdk/contract/errors.ts";
import { hostCall } from "../capability.ts";

/** `http_send`. */
export const httpSend = hostCall("http", v.strictObject({ url: v.string() }), () =>
  Promise.reject(new PlatformError("CAPABILITY_UNAVAILABLE", "Outgoing HTTP is not offered yet.")),
);
