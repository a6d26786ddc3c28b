import { PlatformError } from "../../sdk/contract/errors.ts";

/** The stores that the platform may lose for a while and get back. */
export type Store = "database" | "store";

/** A store did not do what it was asked, for no fault of the question. Says what the store itself said. */
export class Outage extends Error {
  override readonly name = "Outage";
  readonly part: Store;

  constructor(part: Store, cause: unknown) {
    super(cause instanceof Error ? cause.message : "The store failed.", { cause });
    this.part = part;
  }
}

/** The outage that an error, or what caused it, is. */
export function outageIn(error: unknown): Outage | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) if (cause instanceof Outage) return cause;
  return undefined;
}

/**
 * D1 marks what SQLite says of a statement with SQLite's own code, and a wrong use of its API by name. All else, and the
 * codes that tell of the database's state, is the service's.
 */
const STATEMENT_FAULT =
  /SQLITE_(?!BUSY|LOCKED|IOERR|FULL|CORRUPT|CANTOPEN|NOTADB|NOMEM|PROTOCOL|READONLY|INTERRUPT)|D1_(TYPE|COLUMN|EXEC|DUMP)|Wrong number of parameter|No SQL statements|Statement too long/;
/** R2: InternalError, ServiceUnavailable, TooMuchConcurrency. */
const BUCKET_CODES = new Set(["10001", "10043", "10058"]);

/** True where D1 failed, rather than the statement. */
export function isDatabaseFault(error: unknown): boolean {
  return isForeign(error) && !STATEMENT_FAULT.test(error.message);
}

/**
 * True where R2 failed, rather than the question.
 *
 * @param streamed  the content came as a stream, whose own end R2 reports without a code
 */
export function isBucketFault(error: unknown, streamed: boolean): boolean {
  if (!isForeign(error)) return false;
  const code = /\((\d{5})\)\s*$/.exec(error.message)?.[1];
  return code === undefined ? !streamed : BUCKET_CODES.has(code);
}

function isForeign(error: unknown): error is Error {
  return error instanceof Error && !(error instanceof PlatformError) && !(error instanceof TypeError);
}
