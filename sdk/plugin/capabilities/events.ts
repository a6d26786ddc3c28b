import { capabilityFunction } from "../capability-call.ts";

const publish = capabilityFunction<{ topic: string; id?: string; data?: unknown }, { id: string; subscribers: number }>(
  "events_publish",
);

export const events = {
  /**
   * Publishes to a topic that the manifest names.
   *
   * @param id  the plugin's own: published again under it within a day, a subscriber that has run does not run again
   * @throws {CapabilityError}
   */
  async publish(
    topic: string,
    data: unknown,
    id?: string,
  ): Promise<{ readonly id: string; readonly subscribers: number }> {
    return publish({ topic, data, ...(id === undefined ? {} : { id }) }).value;
  },
};
