/** The suite's contract (test/conformance/README.md) in TypeScript; engine.c runs it and supplies `host`. */

declare const host: {
  inputBytes(): Uint8Array;
  inputText(): string;
  outputBytes(bytes: Uint8Array): void;
  outputText(text: string): void;
  config(key: string): string | null;
  variable(name: string): string | null;
  setVariable(name: string, value: string): void;
  /** Levels from trace, 0, to error, 4. */
  log(level: number, text: string): void;
  print(text: string): void;
  pause(milliseconds: number): void;
  random(): Uint8Array;
  exit(code: number): never;
  findInverted(bytes: Uint8Array): number;
};

let kept = "";

function total(): number {
  return Number(host.variable("total") ?? 0);
}

function keep(text: string): void {
  kept = text;
  host.setVariable("kept", text);
}

function tell(text: string): void {
  const variable = host.variable("kept") ?? "";
  host.outputText(`static=[${kept}] var=[${variable}] input=[${text}] config=[${host.config("secret") ?? ""}]`);
}

function descend(level: number): number {
  return descend(level + 1) + level;
}

const contract = {
  echo: () => host.outputBytes(host.inputBytes()),
  count_vowels() {
    const vowels = host.config("vowels") ?? "aeiouAEIOU";
    const count = [...host.inputText()].filter((character) => vowels.includes(character)).length;
    host.setVariable("total", String(total() + count));
    host.outputText(JSON.stringify({ count, total: total(), vowels }));
  },
  async reverse_json() {
    const { text } = JSON.parse(await Promise.resolve(host.inputText())) as { text: string };
    const characters = [...text].reverse();
    host.outputText(JSON.stringify({ text: characters.join(""), characters: characters.length }));
  },
  fill() {
    const length = Number(host.inputText());
    host.outputText("abcdefghijklmnopqrstuvwxyz".repeat(length / 26 + 1).slice(0, length));
  },
  fail() {
    throw `no such customer: ${host.inputText()}`;
  },
  fail_with_code: () => 7,
  async trap() {
    keep(host.inputText());
    await Promise.resolve();
    throw new RangeError(`the plugin cannot go on with ${host.inputText()}`);
  },
  log_lines() {
    ["a trace €", "a detail", "a remark", "a warning", "an error"].forEach((text, level) => host.log(level, text));
  },
  remember() {
    const text = host.inputText();
    host.log(2, text);
    tell(text);
    keep(text);
  },
  remember_and_wait() {
    const text = host.inputText();
    host.log(2, text);
    keep(text);
    host.pause(15);
    tell(host.inputText());
  },
  nap() {
    host.pause(Number(host.inputText()));
    host.outputText("slept");
  },
  recurse() {
    keep(host.inputText());
    return descend(1);
  },
  spin() {
    keep(host.inputText());
    for (;;) kept += "";
  },
  hoard() {
    const blocks: Uint8Array[] = [];
    for (;;) blocks.push(new Uint8Array(1 << 20).fill(1));
  },
  scan() {
    const wanted = host.inputBytes();
    const planted = host.config("planted");
    host.outputText(String(host.findInverted(wanted)));
    return planted === undefined ? 1 : 0;
  },
  print() {
    host.print(`hello ${host.inputText()}`);
    host.outputText("printed");
  },
  clock() {
    const first = Date.now();
    host.outputText(Date.now() >= first && first > Date.UTC(2020, 0) ? "forward" : "broken");
  },
  random() {
    host.outputText([...host.random()].map((byte) => byte.toString(16).padStart(2, "0")).join(""));
  },
  leave() {
    const text = host.inputText();
    host.print(`leaving with ${text}`);
    host.outputText("left");
    host.exit(Number(text));
  },
};

Object.assign(globalThis, contract);

export {};
