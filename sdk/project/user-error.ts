/** What an author can mend: shown as a sentence, without a stack. */
export class UserError extends Error {
  override readonly name = "UserError";
  /** Further lines, such as a stack in the author's files. */
  readonly detail: string | undefined;

  constructor(message: string, detail?: string) {
    super(message);
    this.detail = detail;
  }
}
