import * as v from "valibot";
import { TENANT_ID_PATTERN } from "../../../sdk/contract/identifiers.ts";
import { PLANS, type Plan } from "../../../sdk/contract/plans.ts";

const plans = Object.keys(PLANS) as [Plan, ...Plan[]]; // Object.keys loses the key type

const id = v.pipe(
  v.string(),
  v.regex(TENANT_ID_PATTERN, "must be 2 to 39 lower-case letters, digits and hyphens, and not begin with a hyphen"),
);
const name = v.pipe(v.string(), v.trim(), v.minLength(1, "must not be empty"), v.maxLength(100));
const plan = v.picklist(plans);
const status = v.picklist(["active", "suspended"]);

export const TenantParams = v.object({ tenantId: id });

export const TenantBody = v.strictObject({ id, name, plan: v.optional(plan, "free") });

export const TenantChange = v.pipe(
  v.strictObject({ name: v.optional(name), plan: v.optional(plan), status: v.optional(status) }),
  v.check((change) => Object.keys(change).length > 0, "must name at least one of name, plan, status"),
);

export const TenantAnswer = v.object({
  id,
  name: v.string(),
  plan,
  status: v.pipe(status, v.description("Suspended: no token or key of the tenant is accepted")),
  createdAt: v.pipe(v.number(), v.description("Milliseconds since the epoch")),
});

export type Tenant = v.InferOutput<typeof TenantAnswer>;
export type NewTenant = v.InferOutput<typeof TenantBody>;
export type TenantChange = v.InferOutput<typeof TenantChange>;
