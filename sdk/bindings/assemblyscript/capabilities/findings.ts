import { JSON } from "json-as";
import { Answer, answered, requestBlock } from "../capability-call";
import { securityEvents, securityRaise } from "../user-functions";

@json
export class EventPage {
  /** Each as JSON. */
  events: JSON.Raw[] = [];
  more: bool = false;
}

@json
export class Raised {
  /** Of the finding in the tenant's event log. */
  id: string = "";
}

@json
class EventListing {
  log: string = "security";
  @omitif((self: EventListing) => self.before < 0)
  before: i64 = -1;
  limit: i32 = 50;
}

@json
class Finding {
  severity: string = "";
  title: string = "";
  @omitnull()
  detail: string | null = null;
}

/** What the platform wrote down about the plugin. */
export namespace security {
  /**
   * @param log  `security` or `audit`
   * @param before  number of the last one of the page before; -1 for the newest
   */
  export function events(log: string = "security", before: i64 = -1, limit: i32 = 50): Answer<EventPage> {
    const request = new EventListing();
    request.log = log;
    request.before = before;
    request.limit = limit;
    return answered<EventPage>(securityEvents(requestBlock<EventListing>(request), 0));
  }

  /** @param severity  `info`, `notice`, `warning` or `error` */
  export function raise(severity: string, title: string, detail: string | null = null): Answer<Raised> {
    const request = new Finding();
    request.severity = severity;
    request.title = title;
    request.detail = detail;
    return answered<Raised>(securityRaise(requestBlock<Finding>(request), 0));
  }
}
