const WIDTH = 110;

/** A description in lines, none longer than is easily read, and none that could end a comment. */
export function commentLines(text: string): string[] {
  return text
    .replaceAll("*/", "* /")
    .split(/\r?\n/)
    .flatMap((line) => wrapped(line.trim()));
}

function wrapped(line: string): string[] {
  const lines: string[] = [];
  let current = "";
  for (const word of line.split(/\s+/)) {
    if (current !== "" && current.length + word.length + 1 > WIDTH) {
      lines.push(current);
      current = word;
    } else current = current === "" ? word : `${current} ${word}`;
  }
  return [...lines, current];
}

/** `/** … *\/` as TypeScript, AssemblyScript and others have it. */
export function blockComment(text: string | undefined, indent = ""): string[] {
  if (text === undefined) return [];
  const lines = commentLines(text);
  const [only] = lines;
  if (only !== undefined && lines.length === 1) return [`${indent}/** ${only} */`];
  return [`${indent}/**`, ...lines.map((line) => `${indent} * ${line}`.trimEnd()), `${indent} */`];
}

/** A comment of lines that begin alike, such as `///`. */
export function lineComment(text: string | undefined, mark: string, indent = ""): string[] {
  if (text === undefined) return [];
  return commentLines(text).map((line) => `${indent}${mark} ${line}`.trimEnd());
}
