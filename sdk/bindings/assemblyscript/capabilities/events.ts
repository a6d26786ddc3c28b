import { JSON } from "json-as";
import { Answer, answered, requestBlock } from "../capability-call";
import { eventsPublish } from "../user-functions";

@json
export class Published {
  id: string = "";
  subscribers: i32 = 0;
}

@json
class Message {
  topic: string = "";
  @omitnull()
  id: string | null = null;
  data: JSON.Raw = new JSON.Raw("null");
}

export namespace events {
  /**
   * Publishes to a topic that the manifest names.
   *
   * @param data  written as JSON
   * @param id  the plugin's own: published again under it within a day, a subscriber that has run does not run again
   */
  export function publish<Data>(topic: string, data: Data, id: string | null = null): Answer<Published> {
    const request = new Message();
    request.topic = topic;
    request.id = id;
    request.data = new JSON.Raw(JSON.stringify<Data>(data));
    return answered<Published>(eventsPublish(requestBlock<Message>(request), 0));
  }
}
