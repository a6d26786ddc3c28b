import { JSON } from "json-as";
import {
  config,
  deleteVar,
  fail,
  inputBytes,
  inputText,
  log,
  outputBytes,
  outputText,
  setVarBytes,
  setVarText,
  varBytes,
  varText,
} from "../../index";

/** Every part of the binding in use; the binding's tests run this plugin. */

@json
class Person {
  name: string = "";
}

@json
class Greeting {
  text: string = "";
  visits: i32 = 0;
}

/** Bytes in, the same bytes out. */
export function echo(): i32 {
  outputBytes(inputBytes());
  return 0;
}

/** Typed JSON in and out, the greeting word from the configuration, a count per name in a variable. */
export function greet(): i32 {
  const person = JSON.parse<Person>(inputText());
  const word = config("greeting");
  const before = varText("visits:" + person.name);
  const greeting = new Greeting();
  greeting.visits = (before === null ? 0 : I32.parseInt(before)) + 1;
  greeting.text = (word === null ? "Hello" : word) + ", " + person.name + "!";
  setVarText("visits:" + person.name, greeting.visits.toString());
  log.info("greeted " + person.name);
  outputText(JSON.stringify<Greeting>(greeting));
  return 0;
}

/** Keeps the input in a variable and answers with what was kept before; an empty input forgets it. */
export function remember(): i32 {
  const before = varBytes("kept");
  const input = inputBytes();
  if (input.byteLength == 0) deleteVar("kept");
  else setVarBytes("kept", input);
  if (before !== null) outputBytes(before);
  return 0;
}

/** One message of every level. */
export function chatter(): i32 {
  log.trace("t");
  log.debug("d");
  log.info("i");
  log.warn("w");
  log.error("é 😀");
  return 0;
}

/** An error the caller can act on. */
export function refuse(): i32 {
  return fail("ünusable: " + inputText());
}

/** An error nobody expected: the abort handler reports it with its place. */
export function crash(): i32 {
  throw new Error("brökén");
}
