import type * as v from "valibot";
import { PlatformError } from "../../../sdk/contract/errors.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import { TenantParams } from "../tenants/schema.ts";
import { confirmErasure, planErasure, startErasure } from "./actions/start.ts";
import type { Erasure } from "./erasure-record.ts";
import { ErasureAnswer, ErasureBody, ErasurePlanAnswer } from "./schema.ts";
import { getErasure } from "./store.ts";

const administered = { mount: "admin", tag: "Tenants", permission: "platform:admin" } as const;

export const erasureRoutes: readonly Route[] = [
  defineRoute({
    ...administered,
    method: "post",
    path: "/tenants/:tenantId/erasure",
    operationId: "eraseTenant",
    summary: "Erase a tenant and everything that it has",
    params: TenantParams,
    body: ErasureBody,
    answers: {
      200: { description: "What would be deleted", schema: ErasurePlanAnswer },
      202: { description: "It is being erased, or was", schema: ErasureAnswer },
    },
    errors: ["TENANT_NOT_FOUND", "ERASURE_REFUSED", "STATE_CONFLICT"],
    handler: async (context, { params: { tenantId }, body: { confirmation } }) => {
      const [deps, actor] = [context.get("deps"), context.get("actor")];
      if (confirmation === undefined) {
        const plan = await planErasure(deps, tenantId);
        return context.json({ ...plan, ...(await confirmErasure(deps, actor, plan)) });
      }
      return context.json(describeErasure(await startErasure(deps, actor, tenantId, confirmation)), 202);
    },
  }),
  defineRoute({
    ...administered,
    method: "get",
    path: "/tenants/:tenantId/erasure",
    operationId: "getErasure",
    summary: "How far the erasure of a tenant is",
    params: TenantParams,
    answers: { 200: { description: "The erasure", schema: ErasureAnswer } },
    errors: ["TENANT_NOT_FOUND"],
    handler: async (context, { params: { tenantId } }) => {
      const erasure = await getErasure(context.get("deps").db, tenantId);
      if (erasure) return context.json(describeErasure(erasure));
      throw new PlatformError("TENANT_NOT_FOUND", `No tenant "${tenantId}" is being erased or was.`);
    },
  }),
];

function describeErasure(erasure: Erasure): v.InferInput<typeof ErasureAnswer> {
  const { progress: _progress, installs: _installs, updatedAt: _updatedAt, remaining, counts, ...shown } = erasure;
  return { ...shown, counts: { ...counts }, remaining: [...remaining] };
}
