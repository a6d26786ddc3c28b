/**
 * What a log line may say of an error: its class, and the text of its innermost cause where that is the platform's own. A
 * database error's outer message quotes the statement's parameters, which are user content, so it is left out.
 */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  if (error.cause instanceof Error) return `${error.name}: ${errorText(error.cause)}`;
  const quotesParameters = error.message.includes("\nparams:");
  return quotesParameters ? error.name : `${error.name}: ${error.message}`;
}
