import { config, outputText } from "@patchbay/sdk/bindings/assemblyscript";
import { handle, storage } from "@patchbay/sdk/bindings/assemblyscript/capabilities";

@json
class Person {
  name: string = "";
}

@json
class Greeting {
  text: string = "";
}

/** `{"name": "Ada"}` to `{"text": "Hello, Ada!"}`, with the word that is configured. */
export function greet(): i32 {
  return handle<Person, Greeting>((person) => {
    if (person.name == "") throw new Error("name: expected text");
    const word = config("greeting");
    const greeting = new Greeting();
    greeting.text = (word === null ? "Hello" : word) + ", " + person.name + "!";
    return greeting;
  });
}

/** How often it was called, kept in the install's storage. */
export function visit(): i32 {
  const before = storage.getText("visits");
  const visits = (before === null ? 0 : I32.parseInt(before)) + 1;
  storage.setText("visits", visits.toString()).orThrow();
  outputText(visits.toString());
  return 0;
}
