import * as v from "valibot";
import type { ErrorCode } from "../../../sdk/contract/errors.ts";
import { PLUGIN_ID_PATTERN, TENANT_ID_PATTERN } from "../../../sdk/contract/identifiers.ts";
import { ENDPOINT_BODY_BYTES } from "../../../sdk/contract/manifest-offers.ts";
import { readLimitedBody } from "../../http/limited-body.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import { findIntake, receiveWebhook } from "./actions.ts";

const WebhookParams = v.object({
  tenant: v.pipe(v.string(), v.regex(TENANT_ID_PATTERN, "must be a tenant id")),
  id: v.pipe(v.string(), v.regex(PLUGIN_ID_PATTERN, "must be a plugin id")),
  name: v.pipe(v.string(), v.maxLength(64)),
});

const Received = v.object({ id: v.string(), executionId: v.string() });

const FAILURES: readonly ErrorCode[] = [
  "WEBHOOK_NOT_FOUND",
  "WEBHOOK_SIGNATURE_INVALID",
  "WEBHOOK_NOT_HANDLED",
  "PLUGIN_INACTIVE",
  "FUNCTION_NOT_FOUND",
  "INPUT_TOO_LARGE",
  "IDEMPOTENCY_MISMATCH",
  "IDEMPOTENCY_ANSWER_LOST",
  "IDEMPOTENCY_UNAVAILABLE",
  "MIDDLEWARE_REFUSED",
  "MIDDLEWARE_FAILED",
  "CONFIG_KEY_UNKNOWN",
  "CONFIG_UNREADABLE",
  "ISOLATE_UNAVAILABLE",
  "ISOLATE_BUSY",
  "ISOLATE_REPLACED_TOO_OFTEN",
  "MODULE_UNAVAILABLE",
  "INTEGRITY_FAILED",
];

/** Senders have no token: their signature is what lets them in. */
export const incomingWebhookRoutes: readonly Route[] = [
  defineRoute({
    method: "post",
    mount: "plugins",
    path: "/hooks-in/:tenant/:id/:name",
    operationId: "receivePluginWebhook",
    summary: "Give a plugin a webhook of another service",
    tag: "Plugin webhooks",
    permission: "public",
    params: WebhookParams,
    rawBody: { "*/*": { type: "string", format: "binary" } },
    answers: { 200: { description: "The plugin has handled it", schema: Received } },
    errors: FAILURES,
    handler: async (context, { params: { tenant, id, name } }) => {
      const deps = context.get("deps");
      const intake = await findIntake(deps, tenant, id, name);
      const { raw } = context.req;
      const limit = Math.min(ENDPOINT_BODY_BYTES, intake.install.limits.input);
      const body = await readLimitedBody(raw, limit, "INPUT_TOO_LARGE", "webhookBody");
      return receiveWebhook(deps, intake, { headers: raw.headers, body, traceId: context.get("traceId") });
    },
  }),
];
