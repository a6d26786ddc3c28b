import { expect, test } from "vitest";
import { errorText } from "../../../worker/lib/error-text.ts";

test.each([
  { error: new Error("R2 is away"), text: "Error: R2 is away" },
  { error: new TypeError("x"), text: "TypeError: x" },
  { error: "thrown text", text: "string" },
  { error: undefined, text: "undefined" },
  {
    error: new Error("Failed query: insert …\nparams: my secret", { cause: new Error("D1_ERROR: no such table") }),
    text: "Error: Error: D1_ERROR: no such table",
  },
  { error: new Error("Failed query: insert …\nparams: my secret"), text: "Error" },
])("$error is logged as $text", ({ error, text }) => {
  expect(errorText(error)).toBe(text);
});
