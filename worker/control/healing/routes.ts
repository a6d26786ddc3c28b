import * as v from "valibot";
import type { ErrorCode } from "../../../sdk/contract/errors.ts";
import { ULID_PATTERN } from "../../../sdk/contract/identifiers.ts";
import { decodeCursor, pageOf, pageQuery, toPage } from "../../http/page.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import { moveInstall } from "../installs/actions/move.ts";
import { describeInstall, InstallAnswer, PluginParams } from "../installs/schema.ts";
import { healPlugin } from "./actions/choose.ts";
import { operate, setSafeMode } from "./actions/operate.ts";
import {
  describeHealing,
  describeHealingOf,
  HealAnswer,
  HealBody,
  HealingAnswer,
  HealingFilter,
  ReasonBody,
  SafeModeBody,
} from "./schema.ts";
import { listHealing } from "./store.ts";

const Position = v.tuple([v.pipe(v.string(), v.regex(ULID_PATTERN))]);
const operated = { mount: "plugins", tag: "Healing", permission: "plugins:operate" } as const;
const ERRORS: readonly ErrorCode[] = ["INSTALL_NOT_FOUND", "STATE_CONFLICT", "SNAPSHOT_UNAVAILABLE"];

/** Remedies by hand; each has two paths for one action, but for what no other system names so. */
function remedyRoutes(
  remedy: "restart" | "repair" | "quarantine",
  summary: string,
  description: string,
): readonly Route[] {
  const operationId = `${remedy}Plugin`;
  const paths = [
    [`/${remedy}/:id`, operationId],
    [`/:id/${remedy}`, `${operationId}ById`],
  ] as const;
  return paths.slice(remedy === "quarantine" ? 1 : 0).map(([path, id]) =>
    defineRoute({
      ...operated,
      method: "post",
      path,
      operationId: id,
      summary,
      description,
      params: PluginParams,
      body: ReasonBody,
      answers: { 200: { description: "What was done, and whether it helped", schema: HealingAnswer } },
      errors: ERRORS,
      handler: async (context, { params, body }) => {
        const order = { remedy, reason: body.reason, traceId: context.get("traceId") };
        return context.json(
          describeHealing(await operate(context.get("deps"), context.get("actor"), params.id, order)),
        );
      },
    }),
  );
}

function safeModeRoute(path: string, operationId: string): Route {
  return defineRoute({
    ...operated,
    method: "put",
    path,
    operationId,
    summary: "Put an install into safe mode, or take it out",
    description:
      "In safe mode every capability is refused and limits are halved, but for those that are built into the module. It " +
      "holds across updates until it is left.",
    params: PluginParams,
    body: SafeModeBody,
    answers: { 200: { description: "The install afterwards", schema: InstallAnswer } },
    errors: ERRORS,
    handler: async (context, { params, body }) => {
      const input = { ...body, traceId: context.get("traceId") };
      return context.json(
        describeInstall(await setSafeMode(context.get("deps"), context.get("actor"), params.id, input)),
      );
    },
  });
}

function healRoute(path: string, operationId: string): Route {
  return defineRoute({
    ...operated,
    method: "post",
    path,
    operationId,
    summary: "Let the rules choose what to do for a plugin, and do it",
    description:
      "What the platform does by itself each minute while the setting `audit.autoFix` is on, at once and whatever it says. What does " +
      "not help is taken back.",
    params: PluginParams,
    body: HealBody,
    answers: { 200: { description: "What was chosen, why, and what came of it", schema: HealAnswer } },
    errors: ERRORS,
    handler: async (context, { params, body }) => {
      const asked = { ...body, traceId: context.get("traceId") };
      const { choice, facts, event } = await healPlugin(context.get("deps"), context.get("actor"), params.id, asked);
      return context.json(describeHealingOf(choice, facts, event));
    },
  });
}

export const healingRoutes: readonly Route[] = [
  healRoute("/self-debug/heal/:id", "healPlugin"),
  healRoute("/:id/heal", "healPluginById"),
  ...remedyRoutes(
    "restart",
    "Give an install new isolates",
    "Stops its lifecycle, goes on in a new generation of isolates everywhere, and starts it again. At most 3 in 10 minutes.",
  ),
  ...remedyRoutes(
    "repair",
    "Make what is stored of an install's version what it should be",
    "Holds package, modules and files against their digests, makes anew what is missing or damaged, and goes on in new " +
      "isolates. Where an original is lost and in no backup, the outcome is `failed` and nothing is changed.",
  ),
  ...remedyRoutes(
    "quarantine",
    "Take an install out of use until a person releases it",
    "It takes no calls and cannot be changed: what is quarantined is evidence.",
  ),
  defineRoute({
    ...operated,
    method: "post",
    path: "/:id/release",
    operationId: "releasePlugin",
    summary: "Release an install from quarantine",
    params: PluginParams,
    body: ReasonBody,
    answers: { 200: { description: "The install afterwards", schema: InstallAnswer } },
    errors: ERRORS,
    handler: async (context, { params, body }) =>
      context.json(
        describeInstall(
          await moveInstall(context.get("deps"), context.get("actor"), params.id, "release", { reason: body.reason }),
        ),
      ),
  }),
  safeModeRoute("/safe-mode/:id", "setSafeMode"),
  safeModeRoute("/:id/safe-mode", "setSafeModeById"),
  defineRoute({
    method: "get",
    mount: "plugins",
    path: "/self-debug/healing-events",
    operationId: "listHealingEvents",
    summary: "What was done to heal plugins, newest first",
    tag: "Healing",
    permission: "plugins:read",
    query: v.object({ ...pageQuery, ...HealingFilter.entries }),
    answers: { 200: { description: "A page of healing events", schema: pageOf(HealingAnswer) } },
    errors: [],
    handler: async (context, { query }) => {
      const { limit, cursor, ...filter } = query;
      const page = { limit: limit + 1, before: decodeCursor(cursor, Position)?.[0] };
      const events = await listHealing(context.get("deps").db, context.get("actor").tenantId, filter, page);
      return context.json(toPage(events.map(describeHealing), limit, ({ id }) => [id]));
    },
  }),
];
