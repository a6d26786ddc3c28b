import { PlatformError } from "../../../sdk/contract/errors.ts";
import type { Role } from "../../../sdk/contract/roles.ts";
import type { Actor } from "../../lib/actor.ts";
import { compileSnapshot, type CompileDeps } from "../compile.ts";
import { MEMBERS_PER_TENANT, membersExceeded } from "./rules.ts";
import type { Member } from "./schema.ts";
import { deleteMember, putMember } from "./store.ts";

/** @throws {PlatformError} QUOTA_EXCEEDED */
export async function setMember(deps: CompileDeps, actor: Actor, subject: string, roles: Role[]): Promise<Member> {
  const wanted: Member = { subject, roles, createdAt: deps.clock.now() };
  const member = await putMember(deps.db, actor.tenantId, wanted, MEMBERS_PER_TENANT);
  if (!member) throw membersExceeded();
  await compileSnapshot(deps, actor.tenantId);
  return member;
}

/** @throws {PlatformError} MEMBER_NOT_FOUND */
export async function removeMember(deps: CompileDeps, actor: Actor, subject: string): Promise<void> {
  const removed = await deleteMember(deps.db, actor.tenantId, subject);
  if (!removed) throw new PlatformError("MEMBER_NOT_FOUND", `The tenant has no member "${subject}".`);
  await compileSnapshot(deps, actor.tenantId);
}
