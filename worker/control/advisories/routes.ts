import * as v from "valibot";
import { ULID_PATTERN } from "../../../sdk/contract/identifiers.ts";
import { decodeCursor, pageOf, pageQuery, toPage } from "../../http/page.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import { recordAdvisory, retractAdvisory } from "./actions.ts";
import { AdvisoryAnswer, AdvisoryBody, AdvisoryParams } from "./schema.ts";
import { listAdvisories } from "./store.ts";

const Position = v.tuple([v.pipe(v.string(), v.regex(ULID_PATTERN))]);
const administered = { mount: "admin", tag: "Advisories", permission: "platform:admin" } as const;

export const advisoryRoutes: readonly Route[] = [
  defineRoute({
    ...administered,
    method: "get",
    path: "/advisories",
    operationId: "listAdvisories",
    summary: "Known vulnerabilities of plugins, newest first",
    query: v.object(pageQuery),
    answers: { 200: { description: "A page of advisories", schema: pageOf(AdvisoryAnswer) } },
    errors: [],
    handler: async (context, { query }) => {
      const page = { limit: query.limit + 1, before: decodeCursor(query.cursor, Position)?.[0] };
      return context.json(toPage(await listAdvisories(context.get("deps").db, page), query.limit, ({ id }) => [id]));
    },
  }),
  defineRoute({
    ...administered,
    method: "post",
    path: "/advisories",
    operationId: "recordAdvisory",
    summary: "Record a vulnerability of versions of a plugin",
    body: AdvisoryBody,
    answers: { 201: { description: "The advisory", schema: AdvisoryAnswer } },
    errors: [],
    handler: async (context, { body }) =>
      context.json(await recordAdvisory(context.get("deps"), context.get("actor"), body), 201),
  }),
  defineRoute({
    ...administered,
    method: "delete",
    path: "/advisories/:id",
    operationId: "withdrawAdvisory",
    summary: "Withdraw an advisory; its findings are fixed by the next audits",
    params: AdvisoryParams,
    answers: { 200: { description: "The advisory, withdrawn", schema: AdvisoryAnswer } },
    errors: ["ADVISORY_NOT_FOUND"],
    handler: async (context, { params }) =>
      context.json(await retractAdvisory(context.get("deps"), context.get("actor"), params.id)),
  }),
];
