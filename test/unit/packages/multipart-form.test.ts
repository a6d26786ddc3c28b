import { expect, test } from "vitest";
import { PlatformError } from "../../../sdk/contract/errors.ts";
import { formBoundary, readForm } from "../../../worker/control/packages/multipart-form.ts";
import { concat, noise, utf8 } from "../../fixtures/packages/bytes.ts";

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += size) {
    yield await Promise.resolve(bytes.slice(start, start + size));
  }
}

async function read(bytes: Uint8Array, size: number): Promise<Record<string, Uint8Array>> {
  const parts: Record<string, Uint8Array> = {};
  for await (const part of readForm(pieces(bytes, size), "XX")) {
    const content: Uint8Array[] = [];
    for await (const piece of part.content) content.push(piece.slice());
    parts[part.name] = concat(...content);
  }
  return parts;
}

async function refusal(bytes: Uint8Array): Promise<string> {
  const error: unknown = await read(bytes, 7).then(
    () => new Error("the form was accepted"),
    (reason: unknown) => reason,
  );
  if (!(error instanceof PlatformError)) throw error;
  expect(error.code).toBe("REQUEST_INVALID");
  return error.message;
}

const head = (name: string): string => `--XX\r\nContent-Disposition: form-data; name="${name}"; filename="f"\r\n\r\n`;

test.each([1, 2, 3, 5, 16, 100, 10_000])("content comes through unchanged in pieces of %i bytes", async (size) => {
  const binary = noise(3_000);
  const nearly = utf8("\r\n--X\r\n--XY\r\n-\r\r\n--");
  const form = concat(
    utf8(head("package")),
    binary,
    utf8(`\r\n${head("nearly")}`),
    nearly,
    utf8(
      `\r\n${head("empty")}\r\n--XX\r\ncontent-type: text/plain\r\nCONTENT-DISPOSITION: form-data; name=bare\r\n\r\nx\r\n--XX--\r\n`,
    ),
  );
  expect(await read(form, size)).toEqual({ package: binary, nearly, empty: new Uint8Array(0), bare: utf8("x") });
});

test("what the platform's own FormData writes is read", async () => {
  const form = new FormData();
  form.set("manifest", new Blob(["{}"]), "manifest.json");
  form.set("wasm", new Blob([noise(70_000)]), 'we"ird.wasm');
  const request = new Request("https://patchbay.test", { method: "POST", body: form });
  const boundary = formBoundary(request.headers.get("content-type"));
  const sizes: Record<string, number> = {};
  const body = new Uint8Array(await request.arrayBuffer());
  for await (const part of readForm(pieces(body, 4_096), boundary ?? "")) {
    let size = 0;
    for await (const piece of part.content) size += piece.length;
    sizes[part.name] = size;
  }
  expect(sizes).toEqual({ manifest: 2, wasm: 70_000 });
});

test("a part that nobody reads is skipped", async () => {
  const names: string[] = [];
  const form = utf8(`${head("a")}${"x".repeat(500)}\r\n${head("b")}y\r\n--XX--`);
  for await (const part of readForm(pieces(form, 10), "XX")) names.push(part.name);
  expect(names).toEqual(["a", "b"]);
});

test.each([
  ["nothing", "", "it does not begin with its boundary"],
  ["another boundary", "--YY\r\n", "it does not begin with its boundary"],
  ["text after a boundary", "--XXtext\r\n", "a boundary is followed by something else than a line break"],
  ["no end", `${head("a")}content`, "it ends inside a part"],
  ["a cut header", "--XX\r\nContent-Disp", "the header of a part is cut off or has more than 8192 bytes"],
  [
    "a huge header",
    `--XX\r\nX: ${"y".repeat(10_000)}\r\n\r\n`,
    "the header of a part is cut off or has more than 8192 bytes",
  ],
  [
    "no name",
    "--XX\r\nContent-Disposition: form-data\r\n\r\nx\r\n--XX--",
    "a part has no Content-Disposition: form-data with a name",
  ],
  ["no colon", "--XX\r\nContent-Disposition\r\n\r\nx\r\n--XX--", "a header line of a part has no colon"],
  ["a header twice", "--XX\r\nA: 1\r\na: 2\r\n\r\nx\r\n--XX--", 'a part has the header "a" twice'],
  [
    "base64",
    '--XX\r\nContent-Disposition: form-data; name="a"\r\nContent-Transfer-Encoding: base64\r\n\r\nx\r\n--XX--',
    'a part is encoded as "base64"; send it as it is',
  ],
])("a form with %s is refused", async (_name, text, what) => {
  expect(await refusal(utf8(text))).toBe(`The multipart form is malformed: ${what}.`);
});

test.each([
  ["multipart/form-data; boundary=abc", "abc"],
  ['Multipart/Form-Data; charset=utf-8; boundary="a b"', "a b"],
  ["multipart/form-data; boundary=abc; x=y", "abc"],
  ["multipart/mixed; boundary=abc", undefined],
  ["multipart/form-data", undefined],
  [`multipart/form-data; boundary=${"x".repeat(71)}`, undefined],
  [null, undefined],
])("boundary of %s", (contentType, boundary) => {
  expect(formBoundary(contentType)).toBe(boundary);
});
