/** A schema of any library that follows Standard Schema 1 (standardschema.dev): valibot, zod, arktype and others. */
export interface Schema<Output = unknown> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => Validation<Output> | Promise<Validation<Output>>;
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined;
  };
}

type Validation<Output> =
  { readonly value: Output; readonly issues?: undefined } | { readonly issues: readonly SchemaIssue[] };

export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** Type of the values that a schema lets through. */
export type ValueOf<Of> = Of extends Schema<infer Output> ? Output : never;

/** Why a value is refused: each problem with the JSON pointer (RFC 6901) of its place. */
export class ValidationError extends Error {
  override readonly name = "ValidationError";
  readonly issues: readonly { readonly path: string; readonly message: string }[];

  constructor(what: string, found: readonly SchemaIssue[]) {
    const issues = found.map(({ message, path = [] }) => ({ path: pointerTo(path), message }));
    super(
      `${what} is not valid: ${issues.map(({ path, message }) => `${path === "" ? "" : `${path}: `}${message}`).join("; ")}`,
    );
    this.issues = issues;
  }
}

/**
 * @param what  name of the value in the message, such as `The input`
 * @throws {ValidationError}
 */
export async function validate<Output>(schema: Schema<Output>, value: unknown, what: string): Promise<Output> {
  const result = await schema["~standard"].validate(value);
  if (result.issues) throw new ValidationError(what, result.issues);
  return result.value;
}

function pointerTo(path: NonNullable<SchemaIssue["path"]>): string {
  return path
    .map((step) => String(typeof step === "object" ? step.key : step))
    .map((step) => `/${step.replaceAll("~", "~0").replaceAll("/", "~1")}`)
    .join("");
}
