import { PlatformError } from "../../../sdk/contract/errors.ts";
import type { Role } from "../../../sdk/contract/roles.ts";
import type { Deps } from "../../deps.ts";
import type { Actor } from "../../lib/actor.ts";
import { auditRow } from "../audit-log/rules.ts";
import { compileSnapshot, type CompileDeps } from "../compile.ts";
import { MEMBERS_PER_TENANT, membersExceeded } from "./rules.ts";
import type { Member } from "./schema.ts";
import { deleteMember, putMember } from "./store.ts";

export type MemberDeps = CompileDeps & Pick<Deps, "newId">;

/** @throws {PlatformError} QUOTA_EXCEEDED */
export async function setMember(deps: MemberDeps, actor: Actor, subject: string, roles: Role[]): Promise<Member> {
  const wanted: Member = { subject, roles, createdAt: deps.clock.now() };
  const change = { action: "member.set", resourceId: subject, after: { roles } } as const;
  const audit = auditRow(actor, change, deps.newId(), wanted.createdAt);
  const member = await putMember(deps.db, actor.tenantId, wanted, MEMBERS_PER_TENANT, audit);
  if (!member) throw membersExceeded();
  await compileSnapshot(deps, actor.tenantId);
  return member;
}

/** @throws {PlatformError} MEMBER_NOT_FOUND */
export async function removeMember(deps: MemberDeps, actor: Actor, subject: string): Promise<void> {
  const change = { action: "member.remove", resourceId: subject } as const;
  const audit = auditRow(actor, change, deps.newId(), deps.clock.now());
  const removed = await deleteMember(deps.db, actor.tenantId, subject, audit);
  if (!removed) throw new PlatformError("MEMBER_NOT_FOUND", `The tenant has no member "${subject}".`);
  await compileSnapshot(deps, actor.tenantId);
}
