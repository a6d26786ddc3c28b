import { JSON } from "json-as";
import { Answer, answered, requestBlock } from "../capability-call";
import { analyticsRecord } from "../user-functions";

@json
export class MetricPoint {
  name: string = "";
  /** `counter` adds up, of a `gauge` the last value counts, `histogram`. */
  kind: string = "counter";
  value: f64 = 1;
  labels: Map<string, string> = new Map<string, string>();
}

@json
export class Recorded {
  recorded: i32 = 0;
}

@json
class Points {
  points: MetricPoint[] = [];
}

/** Metrics of the plugin's own, stored after the call. */
export namespace analytics {
  export function record(points: MetricPoint[]): Answer<Recorded> {
    const request = new Points();
    request.points = points;
    return answered<Recorded>(analyticsRecord(requestBlock<Points>(request), 0));
  }

  export function count(name: string, value: f64 = 1): Answer<Recorded> {
    return one("counter", name, value);
  }

  export function gauge(name: string, value: f64): Answer<Recorded> {
    return one("gauge", name, value);
  }

  export function observe(name: string, value: f64): Answer<Recorded> {
    return one("histogram", name, value);
  }

  function one(kind: string, name: string, value: f64): Answer<Recorded> {
    const point = new MetricPoint();
    point.kind = kind;
    point.name = name;
    point.value = value;
    return record([point]);
  }
}
