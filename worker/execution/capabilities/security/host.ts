import * as v from "valibot";
import { quotaOf } from "../../../../sdk/contract/grants.ts";
import { hostCall } from "../capability.ts";
import { requireWithin } from "../quotas.ts";

const MOST = 100;
const line = (longest: number) =>
  v.pipe(
    v.string("must be text"),
    v.nonEmpty("must not be empty"),
    v.maxLength(longest, `must have at most ${longest} characters`),
  );

/** `security_events`: what the platform wrote down about the plugin, newest first: security events, or who changed its install. */
export const securityEvents = hostCall(
  "security",
  v.strictObject({
    log: v.optional(v.picklist(["security", "audit"], "must be security or audit"), "security"),
    /** Number of the last one of the page before. */
    before: v.optional(v.pipe(v.number("must be a number"), v.integer("must be whole"), v.minValue(1))),
    limit: v.optional(
      v.pipe(v.number("must be a number"), v.integer("must be whole"), v.minValue(1), v.maxValue(MOST)),
      50,
    ),
  }),
  async ({ call, quotas, services }, { log, before, limit }) => {
    quotas.take("security", "reads");
    const found = await services.security.read(call, log, { before, limit: limit + 1 });
    return { value: { events: found.slice(0, limit).map((event) => ({ ...event })), more: found.length > limit } };
  },
);

/** `security_raise`: writes a finding to the tenant's event log. */
export const securityRaise = hostCall(
  "security",
  v.strictObject({
    severity: v.picklist(["info", "notice", "warning", "error"], "must be info, notice, warning or error"),
    title: line(200),
    detail: v.optional(line(1_000)),
  }),
  async ({ call, grant, quotas, services }, finding) => {
    quotas.take("security", "findings");
    const most = quotaOf("security", "hourly", grant);
    const id = await services.security.raise(call, finding, most);
    if (id === undefined) requireWithin("security", "hourly", most + 1, grant);
    return { value: { id: id ?? "" } };
  },
);
