import * as v from "valibot";
import { decodeCursor, pageOf, pageQuery, toPage } from "../../http/page.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import { removeMember, setMember } from "./actions.ts";
import { MemberAnswer, MemberBody, MemberParams } from "./schema.ts";
import { listMembers } from "./store.ts";

const administered = { mount: "admin", tag: "Members", permission: "tenant:admin" } as const;
const Position = v.tuple([v.string()]);

export const memberRoutes: readonly Route[] = [
  defineRoute({
    ...administered,
    method: "get",
    path: "/members",
    operationId: "listMembers",
    summary: "List the tenant's members",
    query: v.object(pageQuery),
    answers: { 200: { description: "A page of members, by subject", schema: pageOf(MemberAnswer) } },
    errors: [],
    handler: async (context, { query }) => {
      const [after] = decodeCursor(query.cursor, Position) ?? [];
      const { tenantId } = context.get("actor");
      const rows = await listMembers(context.get("deps").db, tenantId, query.limit + 1, after);
      return context.json(toPage(rows, query.limit, (member) => [member.subject]));
    },
  }),
  defineRoute({
    ...administered,
    method: "put",
    path: "/members/:subject",
    operationId: "putMember",
    summary: "Add a member or change its roles",
    params: MemberParams,
    body: MemberBody,
    answers: { 200: { description: "The member as it is now", schema: MemberAnswer } },
    errors: ["QUOTA_EXCEEDED", "SNAPSHOT_UNAVAILABLE"],
    handler: async (context, { params, body }) =>
      context.json(await setMember(context.get("deps"), context.get("actor"), params.subject, body.roles)),
  }),
  defineRoute({
    ...administered,
    method: "delete",
    path: "/members/:subject",
    operationId: "deleteMember",
    summary: "Remove a member",
    params: MemberParams,
    answers: { 204: { description: "The member was removed" } },
    errors: ["MEMBER_NOT_FOUND", "SNAPSHOT_UNAVAILABLE"],
    handler: async (context, { params }) => {
      await removeMember(context.get("deps"), context.get("actor"), params.subject);
      return context.body(null, 204);
    },
  }),
];
