import { defineRoute, type Route } from "../../http/route.ts";
import { changeMode, describeProbes, describeStatus } from "./actions.ts";
import { ModeAnswer, ModeBody, ProbesAnswer, StatusAnswer } from "./schema.ts";

const administered = { mount: "plugins", tag: "Operation", permission: "platform:admin" } as const;

export const modeRoutes: readonly Route[] = [
  defineRoute({
    ...administered,
    method: "get",
    path: "/migration-proof/status",
    operationId: "getSystemStatus",
    summary: "The platform's mode, and the deployment it runs in",
    answers: { 200: { description: "Mode and deployment", schema: StatusAnswer } },
    errors: [],
    handler: async (context) => {
      const region = context.req.raw.cf?.["colo"];
      return context.json(await describeStatus(context.get("deps"), typeof region === "string" ? region : null));
    },
  }),
  defineRoute({
    ...administered,
    method: "get",
    path: "/migration-proof/health",
    operationId: "getPlatformProbes",
    summary: "Probe everything that the platform stands on",
    answers: { 200: { description: "What each probe found", schema: ProbesAnswer } },
    errors: [],
    handler: async (context) => context.json(await describeProbes(context.get("deps"))),
  }),
  defineRoute({
    ...administered,
    method: "put",
    path: "/migration-proof/mode",
    operationId: "setSystemMode",
    summary: "Put the platform into a mode",
    body: ModeBody,
    answers: { 200: { description: "The mode from now on", schema: ModeAnswer } },
    errors: [],
    handler: async (context, { body }) =>
      context.json(await changeMode(context.get("deps"), context.get("actor"), body)),
  }),
];
