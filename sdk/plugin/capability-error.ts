/**
 * A refused or failed capability call. `code` is one of the platform's error codes (docs/errors.md), such as `GRANT_MISSING` or
 * `CAPABILITY_QUOTA_EXCEEDED`. A plugin that lets it pass fails without being blamed for it.
 */
export class CapabilityError extends Error {
  override readonly name = "CapabilityError";
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}
