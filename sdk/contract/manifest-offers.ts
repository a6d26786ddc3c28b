import * as v from "valibot";
import {
  CRITICALITIES,
  HOOK_MODES,
  HOOK_NAME_LENGTH,
  HOOK_NAME_PATTERN,
  PRIORITY,
  PRIORITY_CLASS_NAMES,
  type Criticality,
  type PriorityClass,
} from "./hooks.ts";
import { LIMITS } from "./limits.ts";
import {
  closedObject,
  distinct,
  functionName,
  list,
  pattern,
  pluginId,
  record,
  text,
  wholeNumber,
} from "./manifest-fields.ts";
import { PERMISSIONS, ROLE_NAMES, type Permission } from "./roles.ts";

/** Parts of the manifest that say where a plugin takes part: hooks, middleware, HTTP endpoints, its life. */

export const ENDPOINT_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"] as const;
export type EndpointMethod = (typeof ENDPOINT_METHODS)[number];
const ENDPOINT_PATH = /^\/(:?[A-Za-z0-9_.~-]+(\/:?[A-Za-z0-9_.~-]+)*)?$/;
/** A token of RFC 9110 §5.6.2, in lower case. */
const HEADER_NAME = /^[a-z0-9!#$%&'*+.^_`|~-]{1,64}$/;
const ORIGIN = /^(\*|https?:\/\/[a-z0-9.-]+(:[0-9]{1,5})?)$/;
/** Words of what is called: `/execute/<plugin>/<function>`, `/hooks/<hook>`, `/run/<plugin>/<path>`, `/hooks-in/<plugin>/<webhook>`. */
const CALL_PATTERN = /^\/(execute|hooks|hooks-in|run|\*)(\/(\*|[A-Za-z0-9_.$:~-]+))*$/;
/** Largest body of a request to an endpoint where the manifest says nothing, in bytes. */
export const ENDPOINT_BODY_BYTES = 1024 * 1024;

const INCOMING_NAME = /^[a-z0-9][a-z0-9-]*$/;
/** Shorter than the 24 hours for which a delivery's id is remembered. */
const INCOMING_TOLERANCE_MAXIMUM = 3_600;

const headerName = pattern(HEADER_NAME, "must be the name of a header in lower case", 64);
const timeoutMs = v.exactOptional(wholeNumber(1, LIMITS.wallClock.maximum, "milliseconds"));

function order(usual: PriorityClass) {
  return {
    class: v.exactOptional(
      v.picklist(PRIORITY_CLASS_NAMES, `must be one of ${PRIORITY_CLASS_NAMES.join(", ")}`),
      usual,
    ),
    priority: v.exactOptional(wholeNumber(0, PRIORITY.highest), PRIORITY.default),
  };
}

function criticality(usual: Criticality) {
  return v.exactOptional(v.picklist(CRITICALITIES, "must be critical or optional"), usual);
}

export const fallback = v.union(
  [closedObject({ value: v.unknown() }), closedObject({ plugin: pluginId, function: v.exactOptional(functionName) })],
  "must be `{ value }`, or `{ plugin, function? }`",
);

const hookName = pattern(HOOK_NAME_PATTERN, "must be a hook such as `file:process`", HOOK_NAME_LENGTH);

const access = {
  permission: v.exactOptional(
    v.picklist(
      Object.keys(PERMISSIONS) as Permission[], // Object.keys loses the key type
      `must be one of ${Object.keys(PERMISSIONS).join(", ")}`,
    ),
  ),
  roles: v.exactOptional(
    v.pipe(
      distinct(list(v.picklist(ROLE_NAMES, `must be one of ${ROLE_NAMES.join(", ")}`), ROLE_NAMES.length), String),
      v.minLength(1, "must not be empty"),
    ),
  ),
};

export const hook = closedObject({
  name: hookName,
  function: functionName,
  ...order("business"),
  criticality: criticality("optional"),
  timeoutMs,
  fallback: v.exactOptional(fallback),
  mode: v.exactOptional(v.picklist(HOOK_MODES, `must be one of ${HOOK_MODES.join(", ")}`)),
  ...access,
});

/** What an operator sets for an install instead of what the manifest says, by name of a hook. */
export const hookOverrides = record(
  hookName,
  closedObject({
    class: v.exactOptional(order("business").class.wrapped),
    priority: v.exactOptional(order("business").priority.wrapped),
    criticality: v.exactOptional(criticality("optional").wrapped),
    timeoutMs,
    fallback: v.exactOptional(v.nullable(fallback)),
    disabled: v.exactOptional(v.literal(true, "must be true, or left out")),
  }),
  100,
);

/** A guard that fails must not leave the door open, so middleware is critical unless it says otherwise. */
export const middleware = closedObject({
  point: v.picklist(["request", "response"], "must be request or response"),
  function: functionName,
  ...order("middleware"),
  criticality: criticality("critical"),
  timeoutMs,
  paths: v.exactOptional(
    distinct(
      list(
        pattern(
          CALL_PATTERN,
          "must be `/execute`, `/hooks`, `/run` or `/hooks-in` with words below, any of which may be `*`",
          300,
        ),
        20,
      ),
      String,
    ),
  ),
});

export const endpoint = closedObject({
  method: v.picklist(ENDPOINT_METHODS, `must be one of ${ENDPOINT_METHODS.join(", ")}`),
  path: v.pipe(
    pattern(ENDPOINT_PATH, "must start with `/` and have segments of letters, digits, `_.~-` or `:name`", 200),
    v.check((path) => {
      const names = path.split("/").filter((segment) => segment.startsWith(":"));
      return new Set(names).size === names.length;
    }, "must not name two of its segments alike"),
  ),
  function: functionName,
  permission: v.exactOptional(
    v.picklist(
      ["public", "token", ...(Object.keys(PERMISSIONS) as Permission[])], // Object.keys loses the key type
      `must be public, token or one of ${Object.keys(PERMISSIONS).join(", ")}`,
    ),
  ),
  roles: access.roles,
  cors: v.exactOptional(
    closedObject({
      origins: distinct(
        list(pattern(ORIGIN, "must be an origin such as `https://app.example.com`, or `*`"), 20),
        String,
      ),
    }),
  ),
  headers: v.exactOptional(distinct(list(headerName, 20), String)),
  maxBodyBytes: v.exactOptional(wholeNumber(0, LIMITS.input.maximum, "bytes")),
  timeoutMs,
});

/** Exported functions that are called where they exist; the manifest says only when and for how long. */
export const LIFECYCLE_FUNCTIONS = {
  initialize: "initialize",
  start: "start",
  stop: "stop",
  healthCheck: "health_check",
} as const;

export const lifecycle = closedObject({
  class: v.exactOptional(order("business").class.wrapped),
  priority: v.exactOptional(wholeNumber(0, PRIORITY.highest)),
  timeoutMs,
});

/** How a sender of webhooks signs them. */
export const INCOMING_SCHEMES = ["standard", "github", "hmac-sha256"] as const;
export type IncomingScheme = (typeof INCOMING_SCHEMES)[number];

/** Webhooks of other services that the plugin takes. */
export const incomingWebhook = v.pipe(
  closedObject({
    name: pattern(INCOMING_NAME, "must be lower-case letters, digits and `-`", 64),
    function: functionName,
    scheme: v.picklist(INCOMING_SCHEMES, `must be one of ${INCOMING_SCHEMES.join(", ")}`),
    secret: text(128),
    header: v.exactOptional(headerName),
    toleranceSeconds: v.exactOptional(wholeNumber(1, INCOMING_TOLERANCE_MAXIMUM, "seconds")),
    headers: v.exactOptional(distinct(list(headerName, 20), String)),
  }),
  v.check(
    ({ scheme, header }) => (scheme === "hmac-sha256") === (header !== undefined),
    "must have `header`, which carries the signature, with the scheme hmac-sha256 and no other",
  ),
  v.check(
    ({ scheme, toleranceSeconds }) => scheme === "standard" || toleranceSeconds === undefined,
    "may have `toleranceSeconds` only with the scheme standard: the others sign no time",
  ),
);

/** The path without the names of its parameters: two endpoints of one shape could not be told apart. */
export function shapeOf(path: string): string {
  return path.replaceAll(/:[^/]+/g, ":");
}

/**
 * How the outputs of two versions are held against each other when recorded calls are replayed against a new one: byte for byte,
 * as JSON whatever its spelling, or as JSON but for some places.
 */
export const comparator = v.union(
  [
    v.picklist(["exact", "json"]),
    closedObject({
      ignore: list(
        pattern(/^(\/([^~/]|~[01])*)+$/, "must be a JSON pointer into the output, such as `/took`", 256),
        20,
      ),
    }),
  ],
  "must be exact, json, or `{ ignore }` with JSON pointers",
);
export type Comparator = v.InferOutput<typeof comparator>;
