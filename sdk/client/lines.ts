/**
 * Values of an answer that is JSON in lines, such as a tenant's export, while it arrives.
 *
 * @throws {SyntaxError} where a line is no JSON, which includes an answer that broke off within one
 */
export async function* readLines(response: Response): AsyncGenerator<unknown, void, undefined> {
  let rest = "";
  const decoder = new TextDecoder("utf-8", { fatal: true });
  for await (const chunk of response.body ?? []) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line !== "") yield JSON.parse(line);
  }
  rest += decoder.decode();
  if (rest !== "") yield JSON.parse(rest);
}
