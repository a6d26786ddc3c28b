import { JSON } from "json-as";
import { Answer, answered, contentBlock, requestBlock } from "../capability-call";
import { encodeText } from "../memory";
import { webhooksSend } from "../user-functions";

@json
export class OutgoingWebhook {
  url: string = "";
  event: string = "";
  /** The plugin's own: sent again under the same id, it is sent once. */
  @omitnull()
  id: string | null = null;
  contentType: string = "application/json";
}

@json
export class QueuedWebhook {
  id: string = "";
  queued: bool = false;
}

export namespace webhooks {
  /** Sends a signed POST at least once. The answer says that it is written down, not that it arrived. */
  export function send(webhook: OutgoingWebhook, body: string): Answer<QueuedWebhook> {
    const request = requestBlock<OutgoingWebhook>(webhook);
    return answered<QueuedWebhook>(webhooksSend(request, contentBlock(encodeText(body))));
  }
}
