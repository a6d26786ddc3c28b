import { firstInvalidUtf8, inputBytes } from "../../../sdk/bindings/assemblyscript/index";
import { isSpace } from "./characters";
import { JsonReader } from "./json-reader";

/** UTF-16 units of all texts of a call together. */
export const MAX_CHARACTERS: i32 = 100_000;
/** Texts of one batch. */
export const MAX_TEXTS: i32 = 256;

const OBJECT: i32 = 0x7b;
const ARRAY: i32 = 0x5b;
const QUOTE: i32 = 0x22;

/** What a call asks for, or what is wrong with it. */
export class Request {
  texts: Array<string> = [];
  detailed: bool = false;
  /** Empty where the request is good. */
  problem: string = "";

  refuse(problem: string): Request {
    if (this.problem.length == 0) this.problem = problem;
    return this;
  }
}

/** `{ "text": string, "options"?: { "detailed"?: boolean } }`, a JSON string, or plain text. */
export function readAnalyzeRequest(): Request {
  const request = new Request();
  const input = readInput(request, '{"text": string} or plain text');
  if (request.problem.length > 0) return request;
  const reader = new JsonReader(input);
  if (reader.peek() == OBJECT) readObject(reader, request, "text");
  else request.texts.push(plainText(input));
  return checked(reader, request, "text");
}

/** `[string, …]` or `{ "texts": [string, …], "options"?: { "detailed"?: boolean } }`. */
export function readBatchRequest(): Request {
  const request = new Request();
  const input = readInput(request, '["text", …] or {"texts": ["text", …]}');
  if (request.problem.length > 0) return request;
  const reader = new JsonReader(input);
  if (reader.peek() == OBJECT) readObject(reader, request, "texts");
  else if (reader.peek() == ARRAY) readTexts(reader, request);
  else return request.refuse("input must be an array of texts or an object with `texts`, found " + reader.kind());
  reader.expectEnd();
  return checked(reader, request, "texts");
}

function readInput(request: Request, wanted: string): string {
  const bytes = inputBytes();
  const wrong = firstInvalidUtf8(bytes);
  if (wrong >= 0) {
    request.refuse("input is not valid UTF-8: first wrong byte at offset " + wrong.toString());
    return "";
  }
  const text = String.UTF8.decode(bytes);
  if (isBlank(text)) request.refuse("input is empty: expected " + wanted);
  return text;
}

/** A JSON string stands for its value; anything else, such as text that only starts with a quotation, for itself. */
function plainText(input: string): string {
  const reader = new JsonReader(input);
  if (reader.peek() != QUOTE) return input;
  const value = reader.readString();
  reader.expectEnd();
  return reader.failed ? input : value;
}

function readObject(reader: JsonReader, request: Request, content: string): void {
  let given = false;
  reader.expect(OBJECT);
  if (!reader.take(0x7d)) {
    do {
      const name = reader.readString();
      reader.expect(0x3a);
      if (reader.failed) return;
      if (name == content) {
        if (given) return reader.fail(content + " is given twice");
        given = true;
        if (content == "texts") readTexts(reader, request);
        else readText(reader, request, content);
      } else if (name == "options") {
        readOptions(reader, request);
      } else {
        return reader.fail('unknown field "' + name + '"; known are ' + content + " and options");
      }
    } while (reader.another(0x7d));
  }
  reader.expectEnd();
  if (!given) reader.fail(content + " is required");
}

function readText(reader: JsonReader, request: Request, place: string): void {
  if (reader.peek() != QUOTE) return reader.fail(place + " must be a string, found " + reader.kind());
  request.texts.push(reader.readString());
}

function readTexts(reader: JsonReader, request: Request): void {
  if (reader.peek() != ARRAY) return reader.fail("texts must be an array of strings, found " + reader.kind());
  reader.expect(ARRAY);
  if (reader.take(0x5d)) return;
  do {
    if (request.texts.length == MAX_TEXTS)
      return reader.fail("texts has more than " + MAX_TEXTS.toString() + " entries, which is the limit");
    readText(reader, request, "texts[" + request.texts.length.toString() + "]");
  } while (reader.another(0x5d));
}

function readOptions(reader: JsonReader, request: Request): void {
  if (reader.peek() != OBJECT) return reader.fail("options must be an object, found " + reader.kind());
  reader.expect(OBJECT);
  if (reader.take(0x7d)) return;
  do {
    const name = reader.readString();
    reader.expect(0x3a);
    if (reader.failed) return;
    if (name != "detailed") return reader.fail('unknown field "options.' + name + '"; known is options.detailed');
    const c = reader.peek();
    if (c != 0x74 && c != 0x66) return reader.fail("options.detailed must be true or false, found " + reader.kind());
    request.detailed = reader.readBoolean();
  } while (reader.another(0x7d));
}

function checked(reader: JsonReader, request: Request, place: string): Request {
  if (reader.failed) return request.refuse(reader.problem);
  if (request.texts.length == 0) return request.refuse(place + " is empty: at least one text is needed");
  let characters = 0;
  for (let i = 0; i < request.texts.length; i++) {
    characters += request.texts[i].length;
    if (isBlank(request.texts[i]))
      return request.refuse((place == "texts" ? "texts[" + i.toString() + "]" : place) + " is empty");
  }
  if (characters > MAX_CHARACTERS) {
    return request.refuse(
      place + " has " + characters.toString() + " characters; the limit is " + MAX_CHARACTERS.toString(),
    );
  }
  return request;
}

function isBlank(text: string): bool {
  for (let i = 0; i < text.length; i++) {
    if (!isSpace(text.charCodeAt(i)) && text.charCodeAt(i) != 0xfeff) return false;
  }
  return true;
}
