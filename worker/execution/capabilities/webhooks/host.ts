import * as v from "valibot";
import { PlatformError } from "../../../../sdk/contract/errors.ts";
import { quotaOf } from "../../../../sdk/contract/grants.ts";
import { hostCall } from "../capability.ts";
import { destinationOf } from "../http/grant.ts";
import { requireWithin } from "../quotas.ts";

const visible = (longest: number) =>
  v.pipe(
    v.string("must be text"),
    v.regex(new RegExp(`^[\\x21-\\x7e]{1,${longest}}$`), `must be 1 to ${longest} visible ASCII characters`),
  );

const WebhookRequest = v.strictObject({
  url: v.string("must be text"),
  event: visible(128),
  /** The plugin's own id: sent again under the same one, it is sent once. */
  id: v.optional(visible(128)),
  contentType: v.optional(
    v.pipe(v.string(), v.regex(/^[\x20-\x7e]{1,128}$/, "must be a media type")),
    "application/json",
  ),
});

/** `webhooks_send`: sends the body, signed, at least once. The answer says that it is written down, not that it arrived. */
export const webhooksSend = hostCall("webhooks", WebhookRequest, async (context, request, body = new Uint8Array()) => {
  const { call, grant, quotas, services, note } = context;
  const { tenantId, installId, pluginId } = call;
  const { url, event, id = services.newId(), contentType } = request;
  quotas.within("webhooks", "bodyBytes", body.byteLength);
  quotas.take("webhooks", "deliveries");
  const { scope } = destinationOf(url, { capability: "webhooks", grant, privateHosts: services.egress.privateHosts });
  note(scope);
  const most = quotaOf("webhooks", "pending", grant);
  const message = { tenantId, installId, pluginId, id, event, url, contentType, body: textOf(body) };
  const planned = await services.webhooks.queue(message, most);
  if (planned === "full") requireWithin("webhooks", "pending", most + 1, grant);
  return { value: { id, queued: planned === "queued" } };
});

function textOf(body: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
  } catch (cause) {
    throw new PlatformError("HOST_REQUEST_INVALID", "body: must be text in UTF-8", { cause });
  }
}
