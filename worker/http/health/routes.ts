import * as v from "valibot";
import { PlatformError } from "../../../sdk/contract/errors.ts";
import { systemStatus } from "../../control/system-health/probes.ts";
import { localKeys, parseIssuers } from "../authentication/issuers.ts";
import { defineRoute, type Route } from "../route.ts";
import { missingForReadiness } from "./readiness.ts";

const JWKS_MAX_AGE_SECONDS = 300;
const publicly = { method: "get", mount: "root", permission: "public", tag: "Health" } as const;

const partStatus = v.picklist(["ok", "degraded", "down"]);
const milliseconds = v.pipe(v.number(), v.integer());
const SystemHealth = v.object({
  status: partStatus,
  probes: v.array(
    v.object({
      name: v.string(),
      status: partStatus,
      critical: v.pipe(v.boolean(), v.description("Without it no plugin can run")),
      durationMs: milliseconds,
      budgetMs: milliseconds,
      detail: v.optional(v.string()),
    }),
  ),
});

export const healthRoutes: readonly Route[] = [
  defineRoute({
    ...publicly,
    path: "/healthz",
    operationId: "getLiveness",
    summary: "Tell whether the worker runs",
    answers: { 200: { description: "It runs", schema: v.object({ status: v.literal("ok") }) } },
    errors: [],
    handler: (context) => context.json({ status: "ok" }),
  }),
  defineRoute({
    ...publicly,
    path: "/health",
    operationId: "getSystemHealth",
    summary: "Tell how what the platform stands on is",
    answers: {
      200: { description: "Plugins run", schema: SystemHealth },
    },
    errors: ["NOT_READY"],
    handler: async (context) => {
      const probes = await context.get("deps").systemHealth();
      const status = systemStatus(probes);
      if (status !== "down") return context.json({ status, probes: [...probes] });
      const down = probes.filter((probe) => probe.status === "down").map(({ name }) => name);
      throw new PlatformError("NOT_READY", `Down: ${down.join(", ")}.`, { members: { probes } });
    },
  }),
  defineRoute({
    ...publicly,
    path: "/readyz",
    operationId: "getReadiness",
    summary: "Tell whether the worker can serve",
    answers: { 200: { description: "It is ready", schema: v.object({ status: v.literal("ready") }) } },
    errors: ["NOT_READY"],
    handler: async (context) => {
      const missing = await missingForReadiness(context.get("deps"));
      if (missing.length === 0) return context.json({ status: "ready" });
      throw new PlatformError("NOT_READY", `Missing: ${missing.join("; ")}.`, { members: { missing } });
    },
  }),
  defineRoute({
    ...publicly,
    path: "/.well-known/jwks.json",
    operationId: "getKeySet",
    summary: "Read the public keys that verify tokens",
    answers: {
      200: {
        description: "JSON Web Key Set",
        schema: v.object({ keys: v.array(v.looseObject({ kty: v.string(), kid: v.optional(v.string()) })) }),
      },
    },
    errors: [],
    handler: (context) =>
      context.json({ keys: localKeys(parseIssuers(context.env.AUTH_ISSUERS)) }, 200, {
        "cache-control": `public, max-age=${JWKS_MAX_AGE_SECONDS}`,
      }),
  }),
];
