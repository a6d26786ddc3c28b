/** A page as what it says, whatever it is written in. All text is plain: each form escapes it. */
export type Block =
  | { readonly kind: "heading"; readonly level: 1 | 2 | 3; readonly text: string }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "code"; readonly language: string; readonly text: string }
  | { readonly kind: "table"; readonly head: readonly string[]; readonly rows: readonly (readonly string[])[] }
  /** The author's own Markdown. */
  | { readonly kind: "markdown"; readonly text: string };

export type Page = readonly Block[];
