import { JSON } from "json-as";
import { Answer, answered, requestBlock } from "../capability-call";
import { servicesCall } from "../user-functions";

@json
export class ServiceAnswer {
  pluginId: string = "";
  executionId: string = "";
  /** As JSON, `null` where it is none; `as` reads it. */
  output: JSON.Raw = new JSON.Raw("null");

  as<Output>(): Output {
    return JSON.parse<Output>(this.output.toString());
  }
}

@json
class ServiceCall {
  service: string = "";
  input: JSON.Raw = new JSON.Raw("null");
}

export namespace services {
  /** Calls a service of another plugin, which runs under its own grants. */
  export function call<Input>(service: string, input: Input): Answer<ServiceAnswer> {
    const request = new ServiceCall();
    request.service = service;
    request.input = new JSON.Raw(JSON.stringify<Input>(input));
    return answered<ServiceAnswer>(servicesCall(requestBlock<ServiceCall>(request), 0));
  }
}
