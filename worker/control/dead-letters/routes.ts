import * as v from "valibot";
import { ULID_PATTERN } from "../../../sdk/contract/identifiers.ts";
import { decodeCursor, pageOf, pageQuery, toPage } from "../../http/page.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import { discardLetter, listLetters, readLetter, redriveLetter } from "./actions.ts";
import {
  DeadLetterAnswer,
  DeadLetterFilter,
  DeadLetterParams,
  DeadLetterSummaryAnswer,
  describeDeadLetter,
} from "./schema.ts";

const LetterPosition = v.tuple([v.pipe(v.string(), v.regex(ULID_PATTERN))]);
const operated = {
  mount: "plugins",
  tag: "Messages",
  permission: "plugins:operate",
  params: DeadLetterParams,
} as const;

export const deadLetterRoutes: readonly Route[] = [
  defineRoute({
    method: "get",
    mount: "plugins",
    path: "/dead-letters",
    operationId: "listDeadLetters",
    summary: "Messages that were given up for a subscriber, newest first",
    tag: "Messages",
    permission: "plugins:read",
    query: v.object({ ...pageQuery, ...DeadLetterFilter.entries }),
    answers: { 200: { description: "A page of dead letters", schema: pageOf(DeadLetterSummaryAnswer) } },
    errors: [],
    handler: async (context, { query }) => {
      const { limit, cursor, ...filter } = query;
      const page = { limit, before: decodeCursor(cursor, LetterPosition)?.[0] };
      const rows = await listLetters(context.get("deps"), context.get("actor"), filter, page);
      return context.json(toPage(rows, limit, (row) => [row.id]));
    },
  }),
  defineRoute({
    ...operated,
    method: "get",
    path: "/dead-letters/:id",
    operationId: "getDeadLetter",
    summary: "One dead letter with what was published",
    answers: { 200: { description: "The dead letter", schema: DeadLetterAnswer } },
    errors: ["DEAD_LETTER_NOT_FOUND"],
    handler: async (context, { params }) =>
      context.json(describeDeadLetter(await readLetter(context.get("deps"), context.get("actor"), params.id))),
  }),
  defineRoute({
    ...operated,
    method: "post",
    path: "/dead-letters/:id/redrive",
    operationId: "redriveDeadLetter",
    summary: "Send a dead letter to its subscriber again",
    answers: { 202: { description: "It is on its way, with all its attempts before it", schema: DeadLetterAnswer } },
    errors: ["DEAD_LETTER_NOT_FOUND", "BUS_UNAVAILABLE"],
    handler: async (context, { params }) =>
      context.json(describeDeadLetter(await redriveLetter(context.get("deps"), context.get("actor"), params.id)), 202),
  }),
  defineRoute({
    ...operated,
    method: "delete",
    path: "/dead-letters/:id",
    operationId: "deleteDeadLetter",
    summary: "Delete a dead letter",
    answers: { 204: { description: "It is gone" } },
    errors: ["DEAD_LETTER_NOT_FOUND"],
    handler: async (context, { params }) => {
      await discardLetter(context.get("deps"), context.get("actor"), params.id);
      return context.body(null, 204);
    },
  }),
];
