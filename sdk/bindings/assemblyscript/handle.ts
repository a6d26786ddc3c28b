import { JSON } from "json-as";
import { inputText } from "./input";
import { outputText } from "./output";

/**
 * A whole function of the plugin: reads the input as JSON, writes what comes of it as JSON.
 *
 * `export function greet(): i32 { return handle<Person, Greeting>((person) => new Greeting("Hello, " + person.name)); }`
 *
 * json-as takes much that is not JSON: check what has to be there. @returns 0
 */
export function handle<In, Out>(run: (input: In) => Out): i32 {
  outputText(JSON.stringify<Out>(run(JSON.parse<In>(inputText()))));
  return 0;
}
