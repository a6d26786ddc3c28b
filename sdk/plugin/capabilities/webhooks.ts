import { capabilityFunction } from "../capability-call.ts";

export interface OutgoingWebhook {
  readonly url: string;
  readonly event: string;
  /** The plugin's own: sent again under the same id, it is sent once. */
  readonly id?: string;
  /** `application/json` where nothing is said. */
  readonly contentType?: string;
}

const send = capabilityFunction<OutgoingWebhook, { id: string; queued: boolean }>("webhooks_send");

export const webhooks = {
  /**
   * Sends a signed POST at least once. The answer says that it is written down, not that it arrived.
   *
   * @throws {CapabilityError}
   */
  async send(webhook: OutgoingWebhook, body: string): Promise<{ readonly id: string; readonly queued: boolean }> {
    return send(webhook, body).value;
  },
};
