/** Why a plugin cannot be built, for its author: a sentence, and what the engine said, stack included. */
export class BuildError extends Error {
  override readonly name = "BuildError";
  readonly sentence: string;
  /** The engine's error: its message in the first line, which may be empty, then its stack. */
  readonly detail: string;

  constructor(sentence: string, detail: string) {
    const [said = ""] = detail.split("\n");
    super(said === "" ? `${sentence}.` : `${sentence}: ${said}`);
    this.sentence = sentence;
    this.detail = detail;
  }
}
