/**
 * Every failure Patchbay can report, once. HTTP status, blame, retry advice and breaker behaviour follow from the row.
 * A code names the condition, never the operation. Codes are public and stable: never rename, never reuse.
 */

/** Who has to act: the caller, the plugin's author, the operators of Patchbay, or a service a plugin called. */
export type Blame = "caller" | "plugin" | "platform" | "upstream";

export interface ErrorSpec {
  /** HTTP status of the problem response (RFC 9457). */
  readonly status: number;
  readonly blame: Blame;
  /** True where the same request may succeed later without being changed. */
  readonly retryable: boolean;
  /** True where the failure counts against the plugin's circuit breaker. */
  readonly trips: boolean;
  /** One sentence for people: the problem's `title` and the row of the error reference. */
  readonly title: string;
}

export const ERRORS = {
  // Request and routing
  REQUEST_INVALID: { status: 400, blame: "caller", retryable: false, trips: false, title: "The request is not valid." },
  BODY_UNREADABLE: { status: 400, blame: "caller", retryable: false, trips: false, title: "The body cannot be read." },
  ROUTE_NOT_FOUND: { status: 404, blame: "caller", retryable: false, trips: false, title: "No such route." },
  METHOD_NOT_ALLOWED: {
    status: 405,
    blame: "caller",
    retryable: false,
    trips: false,
    title: "The route does not answer this method.",
  },
  MEDIA_TYPE_UNSUPPORTED: {
    status: 415,
    blame: "caller",
    retryable: false,
    trips: false,
    title: "The content type is not accepted here.",
  },

  // Identity and permission
  AUTHENTICATION_REQUIRED: {
    status: 401,
    blame: "caller",
    retryable: false,
    trips: false,
    title: "A bearer token or API key is required.",
  },
  TOKEN_INVALID: {
    status: 401,
    blame: "caller",
    retryable: false,
    trips: false,
    title: "The token or key is not valid.",
  },
  TENANT_UNKNOWN: {
    status: 401,
    blame: "caller",
    retryable: false,
    trips: false,
    title: "The token's tenant does not exist or is suspended.",
  },
  PERMISSION_DENIED: {
    status: 403,
    blame: "caller",
    retryable: false,
    trips: false,
    title: "The role does not permit this operation.",
  },

  // Resources and state
  PLUGIN_NOT_FOUND: { status: 404, blame: "caller", retryable: false, trips: false, title: "No such plugin." },
  VERSION_NOT_FOUND: {
    status: 404,
    blame: "caller",
    retryable: false,
    trips: false,
    title: "No such version of the plugin.",
  },
  INSTALL_NOT_FOUND: {
    status: 404,
    blame: "caller",
    retryable: false,
    trips: false,
    title: "The plugin is not installed.",
  },
  FUNCTION_NOT_FOUND: {
    status: 404,
    blame: "caller",
    retryable: false,
    trips: false,
    title: "The plugin exports no such function.",
  },
  EXECUTION_NOT_FOUND: { status: 404, blame: "caller", retryable: false, trips: false, title: "No such execution." },
  RECORDING_NOT_FOUND: {
    status: 404,
    blame: "caller",
    retryable: false,
    trips: false,
    title: "There is no recording of the execution.",
  },
  RECORDING_EXPIRED: {
    status: 410,
    blame: "caller",
    retryable: false,
    trips: false,
    title: "The recording is past its retention.",
  },
  TENANT_NOT_FOUND: { status: 404, blame: "caller", retryable: false, trips: false, title: "No such tenant." },
  KEY_NOT_FOUND: { status: 404, blame: "caller", retryable: false, trips: false, title: "No such API key." },
  MEMBER_NOT_FOUND: { status: 404, blame: "caller", retryable: false, trips: false, title: "No such member." },
  OAUTH_CLIENT_NOT_FOUND: {
    status: 404,
    blame: "caller",
    retryable: false,
    trips: false,
    title: "No such OAuth client of the install.",
  },
  AUDIT_NOT_FOUND: { status: 404, blame: "caller", retryable: false, trips: false, title: "No such audit." },
  FINDING_NOT_FOUND: { status: 404, blame: "caller", retryable: false, trips: false, title: "No such finding." },
  ADVISORY_NOT_FOUND: { status: 404, blame: "caller", retryable: false, trips: false, title: "No such advisory." },
  ALREADY_EXISTS: { status: 409, blame: "caller", retryable: false, trips: false, title: "It exists already." },
  VERSION_CONFLICT: {
    status: 409,
    blame: "caller",
    retryable: false,
    trips: false,
    title: "This version exists with other bytes.",
  },
  STATE_CONFLICT: {
    status: 409,
    blame: "caller",
    retryable: false,
    trips: false,
    title: "The current state does not allow this move.",
  },
  PRECONDITION_FAILED: {
    status: 412,
    blame: "caller",
    retryable: false,
    trips: false,
    title: "It has changed since it was read.",
  },
  PLUGIN_INACTIVE: {
    status: 409,
    blame: "caller",
    retryable: false,
    trips: false,
    title: "The plugin is installed but not active.",
  },
  CONSENT_REQUIRED: {
    status: 409,
    blame: "caller",
    retryable: false,
    trips: false,
    title: "The version asks for more than its predecessor, and no admin has consented.",
  },
  UPGRADE_NOT_FOUND: {
    status: 404,
    blame: "caller",
    retryable: false,
    trips: false,
    title: "The plugin was never upgraded.",
  },
  UPGRADE_REFUSED: {
    status: 409,
    blame: "caller",
    retryable: false,
    trips: false,
    title: "The version answers recorded calls otherwise than the installed one.",
  },
  QUOTA_EXCEEDED: {
    status: 403,
    blame: "caller",
    retryable: false,
    trips: false,
    title: "The tenant's plan does not allow more.",
  },
  PRECONDITION_REQUIRED: {
    status: 428,
    blame: "caller",
    retryable: false,
    trips: false,
    title: "The change must say in If-Match which state it is about.",
  },

  // Configuration
  CONFIG_INVALID: {
    status: 422,
    blame: "caller",
    retryable: false,
    trips: false,
    title: "The configuration does not fit the plugin's schema.",
  },
  CONFIG_INCOMPATIBLE: {
    status: 409,
    blame: "caller",
    retryable: false,
    trips: false,
    title: "The present configuration does not fit the version asked for.",
  },
  CONFIG_REVISION_NOT_FOUND: {
    status: 404,
    blame: "caller",
    retryable: false,
    trips: false,
    title: "No such revision of the configuration.",
  },
  CONFIG_TEMPLATE_NOT_FOUND: {
    status: 404,
    blame: "caller",
    retryable: false,
    trips: false,
    title: "No such configuration template.",
  },

  // Idempotency keys
  IDEMPOTENCY_MISMATCH: {
    status: 422,
    blame: "caller",
    retryable: false,
    trips: false,
    title: "The idempotency key was used with another body.",
  },
  IDEMPOTENCY_ANSWER_LOST: {
    status: 409,
    blame: "caller",
    retryable: false,
    trips: false,
    title: "The first call with this idempotency key ran, or may have run, and its answer is not kept.",
  },
  IDEMPOTENCY_UNAVAILABLE: {
    status: 503,
    blame: "platform",
    retryable: true,
    trips: false,
    title: "The idempotency key cannot be checked, so nothing ran.",
  },

  // Messages, webhooks and the event stream
  MESSAGE_TOO_LARGE: {
    status: 413,
    blame: "caller",
    retryable: false,
    trips: false,
    title: "The message is larger than the limit.",
  },
  MESSAGE_HOPS_EXCEEDED: {
    status: 422,
    blame: "plugin",
    retryable: false,
    trips: false,
    title: "The message is the last of too many that caused one another.",
  },
  MESSAGE_UNDELIVERABLE: {
    status: 500,
    blame: "platform",
    retryable: true,
    trips: false,
    title: "The platform failed too often to deliver the message.",
  },
  BUS_UNAVAILABLE: {
    status: 503,
    blame: "platform",
    retryable: true,
    trips: false,
    title: "The message bus does not take messages.",
  },
  WEBHOOK_NOT_FOUND: { status: 404, blame: "caller", retryable: false, trips: false, title: "No such webhook." },
  WEBHOOK_SIGNATURE_INVALID: {
    status: 401,
    blame: "caller",
    retryable: false,
    trips: false,
    title: "The webhook is not signed as it must be.",
  },
  WEBHOOK_NOT_HANDLED: {
    status: 502,
    blame: "plugin",
    retryable: true,
    trips: false,
    title: "The plugin failed to handle the webhook; it may be sent again.",
  },
  DELIVERY_NOT_FOUND: {
    status: 404,
    blame: "caller",
    retryable: false,
    trips: false,
    title: "No such delivery of the webhook.",
  },
  WEBHOOK_REFUSED: {
    status: 502,
    blame: "upstream",
    retryable: true,
    trips: false,
    title: "The webhook's receiver did not take the event.",
  },
  ALERT_NOT_FOUND: { status: 404, blame: "caller", retryable: false, trips: false, title: "No such alert." },
  ALERT_RULE_NOT_FOUND: {
    status: 404,
    blame: "caller",
    retryable: false,
    trips: false,
    title: "No such rule of alerts.",
  },
  SILENCE_NOT_FOUND: { status: 404, blame: "caller", retryable: false, trips: false, title: "No such silence." },
  EMAIL_NOT_FOUND: {
    status: 404,
    blame: "caller",
    retryable: false,
    trips: false,
    title: "No such address for alerts.",
  },
  EMAIL_UNCONFIRMED: {
    status: 409,
    blame: "caller",
    retryable: false,
    trips: false,
    title: "The address is not confirmed, so nothing is sent to it.",
  },
  EMAIL_LINK_INVALID: {
    status: 404,
    blame: "caller",
    retryable: false,
    trips: false,
    title: "The link is not valid, was replaced by a newer one, or is past its time.",
  },
  EMAIL_NOT_CONFIGURED: {
    status: 503,
    blame: "platform",
    retryable: false,
    trips: false,
    title: "The platform has nothing to send e-mail with.",
  },
  EMAIL_REFUSED: {
    status: 502,
    blame: "upstream",
    retryable: true,
    trips: false,
    title: "The e-mail provider did not take the message.",
  },
  UPGRADE_REQUIRED: {
    status: 426,
    blame: "caller",
    retryable: false,
    trips: false,
    title: "The route answers only WebSocket requests.",
  },
  STREAM_FULL: {
    status: 429,
    blame: "caller",
    retryable: true,
    trips: false,
    title: "The tenant has no room for another event stream.",
  },
  STREAM_UNAVAILABLE: {
    status: 503,
    blame: "platform",
    retryable: true,
    trips: false,
    title: "The tenant's event stream does not answer.",
  },
  DEAD_LETTER_NOT_FOUND: {
    status: 404,
    blame: "caller",
    retryable: false,
    trips: false,
    title: "No such dead letter.",
  },

  // Packages and modules
  PACKAGE_TOO_LARGE: {
    status: 413,
    blame: "caller",
    retryable: false,
    trips: false,
    title: "The package is larger than the limit.",
  },
  ARCHIVE_INVALID: {
    status: 422,
    blame: "caller",
    retryable: false,
    trips: false,
    title: "The archive is damaged or unsafe.",
  },
  MANIFEST_INVALID: {
    status: 422,
    blame: "caller",
    retryable: false,
    trips: false,
    title: "The manifest does not match its schema.",
  },
  MODULE_INVALID: {
    status: 422,
    blame: "caller",
    retryable: false,
    trips: false,
    title: "The WebAssembly module is not valid.",
  },
  MODULE_UNSUPPORTED: {
    status: 422,
    blame: "caller",
    retryable: false,
    trips: false,
    title: "The module uses something this platform does not run.",
  },
  SCAN_REFUSED: {
    status: 422,
    blame: "caller",
    retryable: false,
    trips: false,
    title: "The security scan found a critical problem.",
  },
  INTEGRITY_FAILED: {
    status: 500,
    blame: "platform",
    retryable: false,
    trips: false,
    title: "Stored bytes do not match their digest.",
  },

  // Limits of a call. The guest is stopped; its instance is discarded; the next call is not affected.
  FUEL_EXHAUSTED: { status: 504, blame: "plugin", retryable: false, trips: true, title: "The call used up its fuel." },
  WALL_CLOCK_EXCEEDED: {
    status: 504,
    blame: "plugin",
    retryable: true,
    trips: true,
    title: "The call took longer than its deadline.",
  },
  MEMORY_EXCEEDED: {
    status: 502,
    blame: "plugin",
    retryable: false,
    trips: true,
    title: "The plugin needs more memory than its limit.",
  },
  KERNEL_MEMORY_EXCEEDED: {
    status: 502,
    blame: "plugin",
    retryable: false,
    trips: true,
    title: "The plugin's exchange memory is full.",
  },
  CALL_DEPTH_EXCEEDED: {
    status: 502,
    blame: "plugin",
    retryable: false,
    trips: true,
    title: "The plugin's calls are nested too deeply.",
  },
  INPUT_TOO_LARGE: {
    status: 413,
    blame: "caller",
    retryable: false,
    trips: false,
    title: "The input is larger than the limit.",
  },
  OUTPUT_TOO_LARGE: {
    status: 502,
    blame: "plugin",
    retryable: false,
    trips: true,
    title: "The output is larger than the limit.",
  },
  INPUT_INVALID: {
    status: 422,
    blame: "caller",
    retryable: false,
    trips: false,
    title: "The input does not fit what the plugin's manifest says of it.",
  },
  OUTPUT_INVALID: {
    status: 502,
    blame: "plugin",
    retryable: false,
    trips: true,
    title: "The output does not fit what the plugin's manifest says of it.",
  },
  HOST_CALLS_EXCEEDED: {
    status: 502,
    blame: "plugin",
    retryable: false,
    trips: true,
    title: "The plugin made more host calls than its limit.",
  },
  BUDGET_SPENT: {
    status: 504,
    blame: "caller",
    retryable: true,
    trips: false,
    title: "The budget that the request's calls share is spent.",
  },
  HOOK_ABORTED: {
    status: 422,
    blame: "plugin",
    retryable: false,
    trips: false,
    title: "A critical plugin of the hook failed.",
  },
  MIDDLEWARE_REFUSED: {
    status: 403,
    blame: "caller",
    retryable: false,
    trips: false,
    title: "A middleware plugin refused the request.",
  },
  MIDDLEWARE_FAILED: {
    status: 502,
    blame: "plugin",
    retryable: false,
    trips: false,
    title: "A critical middleware plugin failed.",
  },
  ENDPOINT_NOT_FOUND: {
    status: 404,
    blame: "caller",
    retryable: false,
    trips: false,
    title: "No plugin serves this path.",
  },
  ENDPOINT_ANSWER_INVALID: {
    status: 502,
    blame: "plugin",
    retryable: false,
    trips: false,
    title: "The plugin's answer to the request is not one.",
  },
  SERVICE_UNAVAILABLE: {
    status: 502,
    blame: "upstream",
    retryable: true,
    trips: false,
    title: "No active plugin provides the service that the plugin called.",
  },
  SERVICE_FAILED: {
    status: 502,
    blame: "upstream",
    retryable: false,
    trips: false,
    title: "The service of another plugin failed.",
  },
  NESTING_EXCEEDED: {
    status: 502,
    blame: "plugin",
    retryable: false,
    trips: false,
    title: "Plugins call each other in a circle, or in more levels than are allowed.",
  },

  // Outcomes of a call
  CAPABILITY_UNAVAILABLE: {
    status: 503,
    blame: "platform",
    retryable: true,
    trips: false,
    title: "The platform could not serve a capability call.",
  },
  DATABASE_STATEMENT_FAILED: {
    status: 502,
    blame: "plugin",
    retryable: false,
    trips: false,
    title: "A SQL statement of the plugin is not allowed, may cost too much or failed.",
  },
  VALUE_UNREADABLE: {
    status: 500,
    blame: "platform",
    retryable: false,
    trips: false,
    title: "A stored value was changed, or the key that sealed it is gone.",
  },
  CALLER_GONE: {
    status: 408,
    blame: "caller",
    retryable: true,
    trips: false,
    title: "The caller ended the connection before the call had ended.",
  },
  EGRESS_REFUSED: {
    status: 403,
    blame: "caller",
    retryable: false,
    trips: false,
    title: "No plugin may send requests there.",
  },
  UPSTREAM_UNREACHABLE: {
    status: 502,
    blame: "upstream",
    retryable: true,
    trips: false,
    title: "The service that the plugin called cannot be reached.",
  },
  UPSTREAM_TIMED_OUT: {
    status: 504,
    blame: "upstream",
    retryable: true,
    trips: false,
    title: "The service that the plugin called did not answer in time.",
  },
  UPSTREAM_REFUSED: {
    status: 502,
    blame: "upstream",
    retryable: false,
    trips: false,
    title: "The answer of the service that the plugin called cannot be used.",
  },
  HOST_REQUEST_INVALID: {
    status: 502,
    blame: "plugin",
    retryable: false,
    trips: true,
    title: "The plugin's capability call is not valid.",
  },
  CAPABILITY_QUOTA_EXCEEDED: {
    status: 429,
    blame: "caller",
    retryable: false,
    trips: false,
    title: "A quota of the capability is used up.",
  },
  GRANT_MISSING: {
    status: 403,
    blame: "caller",
    retryable: false,
    trips: false,
    title: "The plugin used a capability it was not granted.",
  },
  PLUGIN_ERROR: {
    status: 422,
    blame: "plugin",
    retryable: false,
    trips: false,
    title: "The plugin reported an error.",
  },
  PLUGIN_TRAPPED: { status: 502, blame: "plugin", retryable: false, trips: true, title: "The plugin trapped." },
  PLUGIN_LOAD_FAILED: {
    status: 502,
    blame: "plugin",
    retryable: false,
    trips: true,
    title: "The plugin cannot be instantiated.",
  },
  OUTPUT_ENCODING_INVALID: {
    status: 502,
    blame: "plugin",
    retryable: false,
    trips: false,
    title: "The output is not in the encoding asked for.",
  },
  HEALTH_UNAVAILABLE: {
    status: 503,
    blame: "platform",
    retryable: true,
    trips: false,
    title: "The install's health object does not answer.",
  },
  BREAKER_OPEN: {
    status: 503,
    blame: "plugin",
    retryable: true,
    trips: false,
    title: "The plugin failed too often, and its calls are refused for now.",
  },

  // Platform
  ISOLATE_UNAVAILABLE: {
    status: 503,
    blame: "platform",
    retryable: true,
    trips: false,
    title: "No isolate could be opened for the plugin.",
  },
  ISOLATE_BUSY: {
    status: 503,
    blame: "platform",
    retryable: true,
    trips: false,
    title: "The plugin's isolates are full of calls in flight.",
  },
  ISOLATE_REPLACED_TOO_OFTEN: {
    status: 503,
    blame: "platform",
    retryable: true,
    trips: false,
    title: "The plugin's isolate keeps failing and is not replaced for now.",
  },
  MODULE_UNAVAILABLE: {
    status: 503,
    blame: "platform",
    retryable: true,
    trips: false,
    title: "The plugin's module cannot be read.",
  },
  SNAPSHOT_UNAVAILABLE: {
    status: 503,
    blame: "platform",
    retryable: true,
    trips: false,
    title: "The tenant's snapshot cannot be read.",
  },
  RECORDING_KEY_UNKNOWN: {
    status: 500,
    blame: "platform",
    retryable: false,
    trips: false,
    title: "The key that sealed the recording is not in the key ring.",
  },
  RECORDING_UNREADABLE: {
    status: 500,
    blame: "platform",
    retryable: false,
    trips: false,
    title: "The recording was changed or damaged, or has another format.",
  },
  CONFIG_KEY_UNKNOWN: {
    status: 500,
    blame: "platform",
    retryable: false,
    trips: false,
    title: "The key that sealed a secret of the configuration is not in the key ring.",
  },
  CONFIG_UNREADABLE: {
    status: 500,
    blame: "platform",
    retryable: false,
    trips: false,
    title: "A secret of the configuration was changed or damaged.",
  },
  BACKUP_NOT_FOUND: {
    status: 404,
    blame: "caller",
    retryable: false,
    trips: false,
    title: "There is no such backup or restore.",
  },
  ERASURE_REFUSED: {
    status: 409,
    blame: "caller",
    retryable: false,
    trips: false,
    title: "The tenant cannot be erased like this.",
  },
  RESTORE_REFUSED: {
    status: 409,
    blame: "caller",
    retryable: false,
    trips: false,
    title: "The backup cannot be restored like this.",
  },
  BACKUP_FAILED: {
    status: 503,
    blame: "platform",
    retryable: true,
    trips: false,
    title: "The backup that must come before the change failed.",
  },
  BACKUP_UNREADABLE: {
    status: 500,
    blame: "platform",
    retryable: false,
    trips: false,
    title: "The backup is damaged, incomplete or of a kind that this version does not read.",
  },
  BACKUP_KEY_UNKNOWN: {
    status: 500,
    blame: "platform",
    retryable: false,
    trips: false,
    title: "The key that sealed the backup is not in the key ring.",
  },
  DATABASE_UNAVAILABLE: {
    status: 503,
    blame: "platform",
    retryable: true,
    trips: false,
    title: "The database does not answer. `mayHaveApplied` says whether the change may have been made.",
  },
  STORE_UNAVAILABLE: {
    status: 503,
    blame: "platform",
    retryable: true,
    trips: false,
    title: "The object store does not answer. `mayHaveApplied` says whether the change may have been made.",
  },
  MODE_FALLBACK: {
    status: 503,
    blame: "platform",
    retryable: true,
    trips: false,
    title: "A store does not answer, and this cannot be done without it.",
  },
  MODE_EMERGENCY: {
    status: 503,
    blame: "platform",
    retryable: true,
    trips: false,
    title: "Nothing may be changed until an operator has looked at the platform.",
  },
  NOT_READY: { status: 503, blame: "platform", retryable: true, trips: false, title: "The platform is not ready." },
  INTERNAL: { status: 500, blame: "platform", retryable: true, trips: false, title: "An internal error." },
} as const satisfies Record<string, ErrorSpec>;

export type ErrorCode = keyof typeof ERRORS;

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(ERRORS, text);
}

/** One thing wrong with an input: where (JSON pointer or field name) and what. */
export interface Issue {
  readonly path: string;
  readonly message: string;
}

export interface PlatformErrorDetails {
  /** Every problem found, for validation failures. */
  readonly issues?: readonly Issue[];
  /** The limit that was hit, what was used and what is allowed, in the limit's unit. */
  readonly limit?: { readonly name: string; readonly used: number; readonly allowed: number };
  /** Further members of the problem document. Never secrets, never user content. */
  readonly members?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
  /** HTTP status instead of the row's, where somebody else may choose it. */
  readonly status?: number;
}

/** The one error class that crosses layers. `http/problem.ts` alone turns it into a response. */
export class PlatformError extends Error {
  override readonly name = "PlatformError";
  readonly code: ErrorCode;
  readonly issues: readonly Issue[] | undefined;
  readonly limit: PlatformErrorDetails["limit"];
  readonly members: Readonly<Record<string, unknown>> | undefined;
  readonly status: number;

  /**
   * @param code    row of {@link ERRORS}
   * @param detail  one sentence that names the field, the limit and what was found
   */
  constructor(code: ErrorCode, detail: string, details: PlatformErrorDetails = {}) {
    super(detail, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.issues = details.issues;
    this.limit = details.limit;
    this.members = details.members;
    this.status = details.status ?? ERRORS[code].status;
  }
}
